//! Holds no code: the programs stand in the folders beside this one, each an example target.
