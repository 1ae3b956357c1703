//! What the label of an entity counts at least where a path is searched.
//!
//! A model that is sure of a type may be wrong about the place: an `I-LOC` behind an `O` may not stand there, and noise
//! would decide between `O`, `B-LOC` and `B-PER`. So each label has some of the weight of the others of its type.

use crate::labels::Role;

/// By how much the logit of an entity's label may fall short of another one of its type that says otherwise whether the
/// entity begins: a twentieth of its probability. Never enough to take the first place, so that a legal sequence of most
/// probable labels stays the best.
const BEGINS: f32 = 3.0;
/// The same if the other label says otherwise whether the entity ends. Not equal, so that no two paths weigh the same.
const ENDS: f32 = 3.25;
/// The same if it says both otherwise: more than twice each, so that two names are not taken for one.
const BOTH: f32 = 6.75;

/// By how much a label with the place `role` may fall short of one of its type with the place `other`; `None` if both have
/// the same place.
pub(super) fn shortfall(role: Role, other: Role) -> Option<f32> {
    match (role.begins() != other.begins(), role.ends() != other.ends()) {
        (true, true) => Some(BOTH),
        (true, false) => Some(BEGINS),
        (false, true) => Some(ENDS),
        (false, false) => None,
    }
}

/// Each two of `roles` that lend each other something: by how much a label with the first may fall short of one of its type
/// with the second.
pub(super) fn roles(roles: &[Role]) -> Vec<(Role, Role, f32)> {
    let entities = || roles.iter().copied().filter(|&role| role != Role::Outside);
    let pairs = entities().flat_map(|role| entities().map(move |other| (role, other)));
    pairs.filter_map(|(role, other)| Some((role, other, shortfall(role, other)?))).collect()
}

/// For each label of an entity and each other one of its type: both, and by how much the first may fall short of the other.
pub(super) fn pairs(kinds: &[Vec<(u32, Role)>]) -> Vec<(u32, u32, f32)> {
    let mut pairs = Vec::new();
    for kind in kinds {
        let entities = || kind.iter().filter(|(_, role)| *role != Role::Outside);
        for &(label, role) in entities() {
            let near = |&(other, place)| shortfall(role, place).map(|shortfall| (label, other, shortfall));
            pairs.extend(entities().filter_map(near));
        }
    }
    pairs
}
