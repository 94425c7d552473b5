mod counted;
mod counterexamples;
mod scripts;
mod table;
