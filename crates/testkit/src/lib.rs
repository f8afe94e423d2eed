//! Test doubles, each once: a simulated network, scripted phones, message builders.
