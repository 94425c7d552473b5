//! The terminal: printed lines, and questions.

use std::io::{BufRead, Write};

/// The terminal of a command. A test passes in its own input and output.
pub(crate) struct Console<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
}

impl<'a> Console<'a> {
    pub(crate) fn new(input: &'a mut dyn BufRead, output: &'a mut dyn Write) -> Self {
        Console { input, output }
    }

    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> anyhow::Result<()> {
        writeln!(self.output, "{}", line.as_ref())?;
        Ok(())
    }

    /// Asks until the answer is yes or no, and returns whether it is yes. An empty answer and the
    /// end of the input mean `default`.
    pub(crate) fn confirm(&mut self, question: &str, default: bool) -> anyhow::Result<bool> {
        let choices = if default { "[Yn]" } else { "[yN]" };
        loop {
            write!(self.output, "{question} {choices} ")?;
            self.output.flush()?;
            let mut answer = String::new();
            if self.input.read_line(&mut answer)? == 0 {
                // The user has typed no line break that would end the question's line.
                writeln!(self.output)?;
                return Ok(default);
            }
            match answer.trim().to_ascii_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirm(typed: &str, default: bool) -> (bool, String) {
        let mut output = Vec::new();
        let answer = Console::new(&mut typed.as_bytes(), &mut output)
            .confirm("Go on?", default)
            .unwrap();
        (answer, String::from_utf8(output).unwrap())
    }

    #[test]
    fn answers_are_read_as_mix_reads_them() {
        assert_eq!(confirm("y\n", false), (true, "Go on? [yN] ".into()));
        assert!(confirm("YES\n", false).0);
        assert_eq!(confirm("n\n", true), (false, "Go on? [Yn] ".into()));
        assert!(confirm("\n", true).0);
        assert!(!confirm("\n", false).0);
    }

    #[test]
    fn the_end_of_the_input_is_the_default() {
        assert_eq!(confirm("", true), (true, "Go on? [Yn] \n".into()));
        assert!(!confirm("", false).0);
    }

    #[test]
    fn another_answer_is_asked_again() {
        let (answer, output) = confirm("perhaps\nno\n", true);
        assert!(!answer);
        assert_eq!(output, "Go on? [Yn] Go on? [Yn] ");
    }
}
