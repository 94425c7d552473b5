//! Taking back the wiring of the endpoint into a server.
