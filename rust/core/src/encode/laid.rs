//! Columns of parts that several threads make -> columns of all, written once.
//!
//! The plain line this replaces is a join of the parts once all are made: a copy of everything by one thread, with
//! which two threads took as long as one. Here each part is copied to its place as soon as it and those before it are
//! made, by the thread that made the last of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Unlike;
use super::columns::{Columns, Shape};
use super::template::Template;

/// Room for columns.
struct Room<'a> {
    ids: &'a mut [i32],
    offsets: &'a mut [[i32; 2]],
    words: &'a mut [i32],
    lengths: &'a mut [i64],
    texts: &'a mut [i64],
    shapes: &'a mut [Shape],
}

/// Takes `count` values off the front of `room`, which has as many.
#[expect(clippy::mut_mut, reason = "the slice itself gets shorter")]
fn front<'a, T>(room: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    room.split_off_mut(..count).unwrap_or_default()
}

impl<'a> Room<'a> {
    fn of(columns: &'a mut Columns) -> Self {
        Self {
            ids: &mut columns.ids,
            offsets: &mut columns.offsets,
            words: &mut columns.words,
            lengths: &mut columns.lengths,
            texts: &mut columns.texts,
            shapes: &mut columns.shapes,
        }
    }

    /// The room of `part`, taken off the front; `None` if there is less.
    fn take(&mut self, part: &Columns) -> Option<Room<'a>> {
        let (tokens, windows) = (part.ids.len(), part.lengths.len());
        if tokens > self.ids.len() || windows > self.lengths.len() {
            return None;
        }
        Some(Room {
            ids: front(&mut self.ids, tokens),
            offsets: front(&mut self.offsets, tokens),
            words: front(&mut self.words, tokens),
            lengths: front(&mut self.lengths, windows),
            texts: front(&mut self.texts, windows),
            shapes: front(&mut self.shapes, windows),
        })
    }

    fn fill(self, part: &Columns) {
        self.ids.copy_from_slice(&part.ids);
        self.offsets.copy_from_slice(&part.offsets);
        self.words.copy_from_slice(&part.words);
        self.lengths.copy_from_slice(&part.lengths);
        self.texts.copy_from_slice(&part.texts);
        self.shapes.copy_from_slice(&part.shapes);
    }
}

/// What the threads share.
struct State<'a> {
    room: Room<'a>,
    /// The part whose place is next.
    next: usize,
    /// Parts that wait for an earlier part.
    waiting: BTreeMap<usize, Columns>,
    /// The first part for which there was no room, and those after it.
    rest: Vec<Columns>,
    /// Columns that can be used again.
    spare: Vec<Columns>,
    /// Texts of each part that are sent back.
    sent_back: BTreeMap<usize, Vec<(usize, Unlike)>>,
}

/// Where parts go.
pub(super) struct Laid<'a>(Mutex<State<'a>>);

impl<'a> Laid<'a> {
    /// Writes to `columns`, whose values are all overwritten.
    pub(super) fn over(columns: &'a mut Columns) -> Self {
        Self(Mutex::new(State {
            room: Room::of(columns),
            next: 0,
            waiting: BTreeMap::new(),
            rest: Vec::new(),
            spare: Vec::new(),
            sent_back: BTreeMap::new(),
        }))
    }

    /// Columns to make a part in.
    pub(super) fn spare(&self, template: &Arc<Template>) -> Columns {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).spare.pop();
        spare.unwrap_or_else(|| Columns::new(Arc::clone(template)))
    }

    /// Takes part number `number`.
    pub(super) fn put(&self, number: usize, part: Columns, sent_back: Vec<(usize, Unlike)>) {
        let mut placed = Vec::new();
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let state = &mut *state;
            state.waiting.insert(number, part);
            state.sent_back.insert(number, sent_back);
            while let Some(part) = state.waiting.remove(&state.next) {
                state.next += 1;
                let room = if state.rest.is_empty() { state.room.take(&part) } else { None };
                match room {
                    Some(room) => placed.push((room, part)),
                    None => state.rest.push(part),
                }
            }
        }
        let mut done = Vec::with_capacity(placed.len());
        for (room, mut part) in placed {
            room.fill(&part);
            part.clear();
            done.push(part);
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spare.extend(done);
    }

    /// How many tokens and windows were left free, the parts that found no room, and the texts that are sent back.
    pub(super) fn finish(self) -> ([usize; 2], Vec<Columns>, Vec<(usize, Unlike)>) {
        let state = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let free = [state.room.ids.len(), state.room.lengths.len()];
        (free, state.rest, state.sent_back.into_values().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::template::Part;

    /// Windows of the ids `first..first + count`, of text `first`.
    fn part(template: &Arc<Template>, first: i32, count: i32) -> Columns {
        let mut columns = Columns::blank(Arc::clone(template), count as usize, usize::from(count > 0));
        columns.ids.iter_mut().zip(first..).for_each(|(id, number)| *id = number);
        columns.offsets.iter_mut().zip(first..).for_each(|(offsets, number)| *offsets = [number, number + 1]);
        columns.words.copy_from_slice(&columns.ids.clone());
        columns.lengths.fill(i64::from(count));
        columns.texts.fill(i64::from(first));
        columns
    }

    #[test]
    fn parts_in_any_order_and_in_little_room() {
        let template = Arc::new(Template { parts: vec![Part::Text { which: 0, kind: 0, later: 0 }] });
        let parts = [(0, 3), (3, 2), (5, 0), (5, 4), (9, 1)];
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]] {
            for room in [0, 3, 4, 9, 10, 15] {
                let mut columns = Columns::blank(Arc::clone(&template), room, room);
                let laid = Laid::over(&mut columns);
                for number in order {
                    let (first, count) = parts[number];
                    laid.put(number, part(&template, first, count), vec![(number, Unlike("a reason"))]);
                }
                let ([tokens, windows], rest, sent_back) = laid.finish();
                columns.cut(tokens, windows);
                for part in &rest {
                    columns.append(part);
                }
                assert_eq!(columns.ids, (0..10).collect::<Vec<_>>(), "{order:?} {room}");
                assert_eq!(columns.offsets.len(), 10);
                assert_eq!(columns.words, columns.ids);
                assert_eq!((columns.lengths, columns.texts), (vec![3, 2, 4, 1], vec![0, 3, 5, 9]));
                assert_eq!(sent_back.iter().map(|(text, _)| *text).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
            }
        }
    }
}
