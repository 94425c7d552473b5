mod counterexamples;
mod scripts;
mod table;
