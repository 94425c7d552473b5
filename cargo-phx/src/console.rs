//! The terminal: printed lines, and questions.
//!
//! A question that nobody can answer is an error, never a guess: see [`Console::confirm`].

use std::io::{BufRead, Write};

use crate::hint::hinted;

/// The terminal of a command. A test passes in its own input and output.
pub(crate) struct Console<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
    /// Set if a person reads the output and types the input.
    terminal: bool,
    /// Set if questions are answered with yes, without printing them.
    yes: bool,
    /// Set if [`Console::status`] prints nothing.
    quiet: bool,
    /// Set if the output takes colours.
    colour: bool,
}

/// The answer to the question about a file that would be overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Yes,
    No,
    Diff,
    All,
    Quit,
}

impl<'a> Console<'a> {
    /// Makes a console that is not a terminal, asks every question, and prints everything.
    pub(crate) fn new(input: &'a mut dyn BufRead, output: &'a mut dyn Write) -> Self {
        Console {
            input,
            output,
            terminal: false,
            yes: false,
            quiet: false,
            colour: false,
        }
    }

    /// Sets whether a person reads the output and types the input.
    pub(crate) fn terminal(mut self, terminal: bool) -> Self {
        self.terminal = terminal;
        self
    }

    /// Sets whether the output takes colours.
    pub(crate) fn colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// Answers questions with yes from now on, as `--yes` does.
    pub(crate) fn assume_yes(&mut self) {
        self.yes = true;
    }

    /// Prints no more status lines, as `--quiet` does.
    pub(crate) fn be_quiet(&mut self) {
        self.quiet = true;
    }

    /// Returns whether questions are answered with yes.
    pub(crate) fn assumes_yes(&self) -> bool {
        self.yes
    }

    /// Prints a line, even if the user wants the command to be quiet.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> anyhow::Result<()> {
        writeln!(self.output, "{}", line.as_ref())?;
        Ok(())
    }

    /// Prints a line about the progress or about the next steps. `--quiet` leaves it out.
    pub(crate) fn status(&mut self, line: impl AsRef<str>) -> anyhow::Result<()> {
        if self.quiet {
            return Ok(());
        }
        // `* creating src/main.rs`, with a green verb where the output takes colours.
        let line = line.as_ref();
        let verb = line.strip_prefix("* ").filter(|_| self.colour);
        if let Some((verb, rest)) = verb.and_then(|line| line.split_once(' ')) {
            return self.line(format!("* \u{1b}[1;32m{verb}\u{1b}[0m {rest}"));
        }
        self.line(line)
    }

    /// Asks until the answer is yes or no, and returns whether it is yes. An empty line means
    /// `default`. With `--yes` the answer is yes, and nothing is printed.
    ///
    /// # Errors
    ///
    /// Fails if the input ends before an answer, with a hint that names `--yes`.
    pub(crate) fn confirm(&mut self, question: &str, default: bool) -> anyhow::Result<bool> {
        if self.yes {
            return Ok(true);
        }
        let choices = if default { "[Yn]" } else { "[yN]" };
        let question = format!("{question} {choices} ");
        loop {
            let Some(answer) = self.ask(&question)? else {
                return Err(unanswered(
                    &question,
                    "answer it on a terminal, or add --yes to answer every question with yes",
                ));
            };
            match answer.as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => {}
            }
        }
    }

    /// Offers something that is recommended and takes nothing away. The user is asked on a terminal
    /// only: elsewhere, and with `--yes`, the answer is yes.
    pub(crate) fn offer(&mut self, question: &str) -> anyhow::Result<bool> {
        if !self.terminal {
            return Ok(true);
        }
        self.confirm(question, true)
    }

    /// Asks which of `choices` is meant, by its number or its name, and returns its index.
    ///
    /// # Errors
    ///
    /// Fails with a list of the choices if the input ends before an answer, or with `--yes`. The
    /// hint says to use `flag`, such as `--bin NAME`.
    pub(crate) fn choose(
        &mut self,
        question: &str,
        choices: &[String],
        flag: &str,
    ) -> anyhow::Result<usize> {
        let unanswered = || {
            unanswered(
                &format!("{question} {}", choices.join(", ")),
                &format!("say which with {flag}"),
            )
        };
        if self.yes {
            return Err(unanswered());
        }
        let mut text = format!("{question}\n");
        for (index, choice) in choices.iter().enumerate() {
            text.push_str(&format!("  {}. {choice}\n", index + 1));
        }
        text.push_str(&format!("[1-{}] ", choices.len()));
        loop {
            let Some(answer) = self.ask(&text)? else {
                return Err(unanswered());
            };
            let named = choices
                .iter()
                .position(|choice| choice.eq_ignore_ascii_case(&answer));
            let numbered = || {
                let number: usize = answer.parse().ok()?;
                (1..=choices.len()).contains(&number).then(|| number - 1)
            };
            if let Some(index) = named.or_else(numbered) {
                return Ok(index);
            }
        }
    }

    /// Asks what to do about a file that would be overwritten. An empty line means yes, as in Mix.
    ///
    /// # Errors
    ///
    /// Fails if the input ends before an answer, or with `--yes`: only `--force` overwrites.
    pub(crate) fn overwrite(&mut self, path: &str) -> anyhow::Result<Overwrite> {
        let unanswered = || {
            hinted(
                format!("{path} exists and differs, and nothing was written"),
                "move your changes elsewhere, or add --force to overwrite the file",
            )
        };
        if self.yes {
            return Err(unanswered());
        }
        let question =
            format!("{path} exists and differs. Overwrite it? [Y]es [n]o [d]iff [a]ll [q]uit ");
        loop {
            return Ok(
                match self.ask(&question)?.ok_or_else(unanswered)?.as_str() {
                    "" | "y" | "yes" => Overwrite::Yes,
                    "n" | "no" => Overwrite::No,
                    "d" | "diff" => Overwrite::Diff,
                    "a" | "all" => Overwrite::All,
                    "q" | "quit" => Overwrite::Quit,
                    _ => continue,
                },
            );
        }
    }

    /// Prints a question, and returns the answer in lower case.
    ///
    /// Returns `None` if the input has ended.
    fn ask(&mut self, question: &str) -> anyhow::Result<Option<String>> {
        write!(self.output, "{question}")?;
        self.output.flush()?;
        let mut answer = String::new();
        if self.input.read_line(&mut answer)? == 0 {
            // The user has typed no line break that would end the question's line.
            writeln!(self.output)?;
            return Ok(None);
        }
        let answer = answer.trim();
        if !self.terminal {
            // A terminal shows what is typed.
            writeln!(self.output, "{answer}")?;
        }
        Ok(Some(answer.to_ascii_lowercase()))
    }
}

fn unanswered(question: &str, hint: &str) -> anyhow::Error {
    hinted(
        format!(
            "this question was not answered, and nothing was written: {}",
            question.trim()
        ),
        hint,
    )
}

#[cfg(test)]
mod tests;
