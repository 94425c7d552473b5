mod catching_up;
mod counted;
mod counterexamples;
mod disconnects;
mod many_nodes;
mod scripts;
mod slow_links;
mod table;
