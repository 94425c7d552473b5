mod catching_up;
mod counted;
mod counterexamples;
mod scripts;
mod table;
