use crate::source::serve::tests::wired;

#[test]
fn the_error_of_main_decides() {
    let unwrap = |before: &str, result: &str| {
        let text = format!(
            "{before}async fn main(){result} {{ let listener = TcpListener::bind(a).await.unwrap(); \
             axum::serve(listener, Router::new()).await.unwrap(); }}\n"
        );
        let wired = wired(&text);
        let (_, rest) = wired.split_once("Config::default())").unwrap();
        let (unwrap, _) = rest.split_once(';').unwrap();
        unwrap.split_whitespace().collect::<String>()
    };
    let expect = ".await.expect(\"theapplicationstarts\")";
    for (before, result, expected) in [
        ("", "", expect),
        ("", " -> ExitCode", expect),
        ("", " -> anyhow::Result<()>", ".await?"),
        ("use anyhow::Result;\n", " -> Result<()>", ".await?"),
        (
            "use anyhow::{Context, Error};\n",
            " -> Result<(), Error>",
            ".await?",
        ),
        ("", " -> Result<(), anyhow::Error>", ".await?"),
        (
            "",
            " -> Result<(), Box<dyn std::error::Error + Send + Sync>>",
            ".await?",
        ),
        ("", " -> Result<(), axum::BoxError>", ".await?"),
        (
            "type Result<T> = std::result::Result<T, Box<dyn Error>>;\n",
            " -> Result<()>",
            ".await?",
        ),
        (
            "type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;\n",
            " -> Result<()>",
            ".await?",
        ),
        (
            "",
            " -> color_eyre::Result<()>",
            ".await.map_err(color_eyre::eyre::Report::msg)?",
        ),
        (
            "use eyre::Result;\n",
            " -> Result<()>",
            ".await.map_err(eyre::Report::msg)?",
        ),
        (
            "use std::io;\n",
            " -> io::Result<()>",
            ".await.map_err(std::io::Error::other)?",
        ),
        (
            "",
            " -> Result<(), String>",
            ".await.map_err(|error|format!(\"{error:#}\"))?",
        ),
        ("enum AppError {}\n", " -> Result<(), AppError>", expect),
        (
            "enum AppError { #[from] Other(#[from] anyhow::Error) }\n",
            " -> Result<(), AppError>",
            ".await?",
        ),
        (
            "impl From<anyhow::Error> for AppError {}\n",
            " -> Result<(), AppError>",
            ".await?",
        ),
    ] {
        assert_eq!(unwrap(before, result), expected, "{before}{result}");
    }
}
