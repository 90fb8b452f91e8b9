//! What holds for the whole program: the rules of the house, and the commands as a user meets them.

mod alone;
mod browser;
mod cli;
mod crash;
mod documents;
mod events;
mod house;
mod query;
mod surroundings;
