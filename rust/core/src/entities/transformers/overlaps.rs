//! Stride windows of one text: merging the entities that several of them found.

use crate::batch::Entity;

/// Keeps the longest of entities that overlap, as transformers does.
///
/// Entities are sorted by start; each is compared only with the last one kept. It replaces that one if it starts
/// inside it and is longer, or as long with a higher score; it is dropped if it starts inside it and is neither. An
/// empty entity covers nothing, so an empty one in the first place comes out twice. Source:
/// `aggregate_overlapping_entities` of transformers' token-classification pipeline.
pub fn keep_longest<W: Copy>(entities: &mut Vec<(W, Entity)>) {
    entities.sort_by_key(|(_, entity)| entity.start);
    let Some(&first) = entities.first() else { return };
    let mut kept = Vec::with_capacity(entities.len());
    let mut last = first;
    for &next in entities.iter() {
        let (old, new) = (&last.1, &next.1);
        if old.start <= new.start && new.start < old.end {
            let (old_length, new_length) = (old.end - old.start, new.end - new.start);
            if new_length > old_length || (new_length == old_length && new.score > old.score) {
                last = next;
            }
        } else {
            kept.push(last);
            last = next;
        }
    }
    kept.push(last);
    *entities = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(spans: &[(i64, i64, f32)]) -> Vec<(i64, i64, f32)> {
        let entity = |&(start, end, score)| Entity { label: 0, score, index: -1, start, end, pieces: (0, 0) };
        let mut entities: Vec<_> = spans.iter().map(|span| ((), entity(span))).collect();
        keep_longest(&mut entities);
        entities.iter().map(|((), e)| (e.start, e.end, e.score)).collect()
    }

    #[test]
    fn overlaps() {
        assert_eq!(merged(&[]), []);
        assert_eq!(merged(&[(0, 4, 0.5), (2, 9, 0.1)]), [(2, 9, 0.1)]);
        assert_eq!(merged(&[(0, 4, 0.5), (0, 4, 0.6)]), [(0, 4, 0.6)]);
        let labelled = |label| Entity { label, score: 0.5, index: -1, start: 0, end: 4, pieces: (0, 0) };
        let mut alike = vec![(0, labelled(0)), (1, labelled(1))];
        keep_longest(&mut alike);
        assert_eq!(
            alike.iter().map(|(window, entity)| (*window, entity.label)).collect::<Vec<_>>(),
            [(0, 0)]
        );
        assert_eq!(merged(&[(5, 9, 0.5), (0, 4, 0.6)]), [(0, 4, 0.6), (5, 9, 0.5)]);
        assert_eq!(merged(&[(0, 4, 0.5), (4, 5, 0.5)]), [(0, 4, 0.5), (4, 5, 0.5)]);
        assert_eq!(merged(&[(3, 3, 0.5), (4, 5, 0.5)]), [(3, 3, 0.5), (3, 3, 0.5), (4, 5, 0.5)]);
    }
}
