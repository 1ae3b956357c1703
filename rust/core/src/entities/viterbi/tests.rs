use super::*;
use crate::entities::lattice::Lattice;
use crate::labels::SCHEMES;
use crate::labels::Scheme;
use proptest::prelude::*;

fn schemes() -> impl Strategy<Value = Scheme> {
    prop::sample::select(&SCHEMES)
}

/// The logits that are searched, in plain words: a label of an entity is at most 3 below another one of its type that
/// differs in whether it begins, 3.25 if in whether it ends, 6.75 if in both; unless it is barred, or steps have weights.
fn searched(grammar: &Grammar, values: &[f32], columns: usize) -> Vec<f32> {
    let tags = &grammar.tagging().tags;
    let places = |role| match role {
        Role::Begin => Some((true, false)),
        Role::Inside => Some((false, false)),
        Role::End => Some((false, true)),
        Role::Single => Some((true, true)),
        Role::Outside => None,
    };
    let mut out = values.to_vec();
    for (at, value) in out.iter_mut().enumerate() {
        let (row, tag) = (&values[at - at % columns..][..columns], tags[at % columns]);
        let Some((begins, ends)) = places(tag.role).filter(|_| grammar.free && *value > BARRED) else {
            continue;
        };
        for (other, given) in tags.iter().zip(row).filter(|(other, _)| other.kind == tag.kind) {
            let least = match places(other.role) {
                Some((b, e)) if b != begins && e != ends => given - 6.75,
                Some((b, _)) if b != begins => given - 3.0,
                Some((_, e)) if e != ends => given - 3.25,
                _ => BARRED,
            };
            *value = if least > *value { least } else { *value };
        }
    }
    out
}

/// The twin: the scores of all legal sequences, by trying each label after each.
fn all_paths(grammar: &Grammar, values: &[f32], columns: usize, cut: Cut) -> Vec<(f32, Vec<u32>)> {
    let tokens = values.len() / columns;
    let mut paths = vec![(0.0, Vec::new())];
    for at in 0..tokens {
        let steps = paths.iter().flat_map(|(score, path): &(f32, Vec<u32>)| {
            (0..columns as u32).map(move |label| {
                let step = if at == 0 && cut.before {
                    0.0
                } else {
                    grammar.weight(path.last().copied(), Some(label))
                };
                let score = score + step + values[at * columns + label as usize];
                let mut path = path.clone();
                path.push(label);
                (score, path)
            })
        });
        paths = steps.filter(|(score, _)| *score > BARRED).collect();
    }
    let ends = paths.into_iter().map(|(score, path)| {
        let end = path.last().filter(|_| !cut.behind).map_or(0.0, |&last| grammar.weight(Some(last), None));
        (score + end, path)
    });
    ends.filter(|(score, _)| *score > BARRED).collect()
}

/// Tokens `from..to` are one entity in `path`.
fn has_entity(grammar: &Grammar, path: &[u32], from: usize, to: usize, kind: u32) -> bool {
    let tag = |at: usize| grammar.tagging().tags[path[at] as usize];
    let goes_on = |at: usize| tag(at).kind == tag(at + 1).kind && tag(at).role.continues(tag(at + 1).role);
    (from..to).all(|at| tag(at).kind == kind && tag(at).role != Role::Outside)
        && (from..to - 1).all(goes_on)
        && (from == 0 || !goes_on(from - 1))
        && (to == path.len() || !goes_on(to - 1))
}

/// Where the label in `path` of a token gained by the search, the token's row is the searched one.
fn check_probabilities(
    grammar: &Grammar,
    given: &[f32],
    columns: usize,
    cut: Cut,
    path: &[u32],
) -> std::result::Result<(), TestCaseError> {
    let mut values = given.to_vec();
    for (at, &label) in path.iter().enumerate() {
        let row = at * columns..(at + 1) * columns;
        let searched = searched(grammar, &given[row.clone()], columns);
        if searched[label as usize] > given[row.start + label as usize] {
            values[row].copy_from_slice(&searched);
        }
    }
    let values = &values;
    let tokens = values.len() / columns;
    let finite = |row: &[f32]| row.iter().any(|value| value.is_finite());
    prop_assume!(values.chunks(columns).all(finite));
    let paths = all_paths(grammar, values, columns, cut);
    let weight = |score: f32| f64::from(score).exp();
    let total: f64 = paths.iter().map(|(score, _)| weight(*score)).sum();
    let items: Vec<u32> = (0..tokens as u32).collect();
    let lattice = Lattice::new(grammar, &Rows::new(given, columns), &items, path, cut);
    for (at, label) in (0..tokens).flat_map(|at| (0..columns as u32).map(move |label| (at, label))) {
        let having = paths.iter().filter(|(_, path)| path[at] == label);
        let want: f64 = having.map(|(score, _)| weight(*score)).sum();
        let want = if total > 0.0 { want / total } else { 0.0 };
        let got = lattice.marginal(at, label);
        prop_assert!((got - want).abs() <= 1e-9, "label {label} at {at}: {got}, not {want}");
    }
    for (from, to) in (0..tokens).flat_map(|from| (from + 1..=tokens).map(move |to| (from, to))) {
        for kind in 0..grammar.tagging().kinds.len() as u32 {
            let having = paths.iter().filter(|(_, path)| has_entity(grammar, path, from, to, kind));
            let want: f64 = having.map(|(score, _)| weight(*score)).sum();
            let want = if total > 0.0 { want / total } else { 0.0 };
            let got = lattice.probability(from, to, kind);
            prop_assert!((got - want).abs() <= 1e-9, "{from}..{to} of type {kind}: {got}, not {want}");
        }
    }
    Ok(())
}

fn score(grammar: &Grammar, values: &[f32], columns: usize, cut: Cut, path: &[u32]) -> f32 {
    let mut score = 0.0;
    for (at, &label) in path.iter().enumerate() {
        let step = match at.checked_sub(1) {
            None => grammar.opening(label, cut),
            Some(last) => grammar.weight(Some(path[last]), Some(label)),
        };
        score += step + values[at * columns + label as usize];
    }
    score + path.last().map_or(0.0, |&last| grammar.closing(last, cut))
}

fn cuts() -> impl Strategy<Value = Cut> {
    any::<(bool, bool)>().prop_map(|(before, behind)| Cut { before, behind })
}

/// Logits that add up exactly, and now and then bar a label.
fn logit() -> impl Strategy<Value = f32> {
    prop_oneof![12 => (-16_i8..16).prop_map(|x| f32::from(x) / 4.0), 1 => Just(BARRED)]
}

fn biases() -> impl Strategy<Value = [f32; 6]> {
    prop_oneof![Just([0.0; 6]), prop::array::uniform6((-12_i8..12).prop_map(|x| f32::from(x) / 4.0))]
}

fn check(
    grammar: &Grammar,
    values: &[f32],
    columns: usize,
    cut: Cut,
) -> std::result::Result<(), TestCaseError> {
    let items: Vec<u32> = (0..(values.len() / columns) as u32).collect();
    let mut path = Vec::new();
    let rows = Rows::new(values, columns);
    let found = grammar.best_path(&rows, &items, cut, &mut Space::default(), &mut path);
    let searched = searched(grammar, values, columns);
    let best = all_paths(grammar, &searched, columns, cut)
        .into_iter()
        .map(|(score, _)| score)
        .fold(BARRED, f32::max);
    if found.is_ok() {
        prop_assert!(grammar.is_legal(&path, cut), "{path:?}");
        prop_assert_eq!(score(grammar, &searched, columns, cut, &path), best, "{:?}", path);
    } else {
        prop_assert_eq!(best, BARRED);
        path = vec![grammar.likely; items.len()];
    }
    check_probabilities(grammar, values, columns, cut, &path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn best_of_all_paths(
        scheme in schemes(),
        (kinds, tokens) in prop_oneof![(Just(1_usize), 0_usize..8), (Just(2), 0_usize..6), (Just(3), 0_usize..5)],
        values in prop::collection::vec(logit(), 13 * 7),
        biases in biases(),
        cut in cuts(),
    ) {
        let names = scheme.names(&["x", "y", "z"][..kinds]);
        let tagging = Tagging::new(&names, Some(scheme)).unwrap();
        let marked = scheme.marks_both_ends();
        let [background_stay, background_to_start, inside_to_continue, inside_to_end, end_to_background, end_to_start] = biases;
        let biases = Biases {
            background_stay, background_to_start, inside_to_continue, inside_to_end, end_to_background, end_to_start,
        };
        let weights = Weights::Biases(if marked { biases } else { Biases::default() });
        let grammar = Grammar::new(tagging, weights).unwrap();
        prop_assert!(grammar.lanes.is_some());
        check(&grammar, &values[..tokens * names.len()], names.len(), cut)?;
    }

    /// The twin is the sum of exponentials of each type, in 64 bits.
    #[test]
    fn the_labels_of_a_type_count_together(scheme in schemes(), values in prop::collection::vec(-6.0_f32..6.0, 13)) {
        let names = scheme.names(&["x", "y", "z"]);
        let grammar = Grammar::new(Tagging::new(&names, Some(scheme)).unwrap(), Weights::default()).unwrap();
        let (row, likely) = (&values[..names.len()], grammar.likely());
        let kind_of = |label: usize| grammar.tagging().tags[label].kind;
        let mut sums = vec![0.0; grammar.tagging().kinds.len()];
        for (label, &value) in row.iter().enumerate() {
            sums[kind_of(label) as usize] += f64::from(value).exp();
        }
        let best = (0..).zip(sums).filter(|&(kind, _)| kind != kind_of(likely as usize)).map(|(_, sum)| sum).fold(0.0, f64::max);
        let want = f64::from(row[likely as usize]) - best.ln();
        let lead = Rows::new(row, names.len()).lead(0, likely as usize);
        let found = grammar.type_lead(row, lead);
        prop_assert!((f64::from(found) - want).abs() < 1e-4, "{} and {}", found, want);
        prop_assert!(found > lead - grammar.pooled() - 1e-4);
    }

    #[test]
    fn a_type_has_no_lead_over_what_is_no_number(at in 0_usize..7, values in prop::collection::vec(-6.0_f32..6.0, 7)) {
        let names = Scheme::Iob2.names(&["x", "y", "z"]);
        let grammar = Grammar::new(Tagging::new(&names, Some(Scheme::Iob2)).unwrap(), Weights::default()).unwrap();
        let mut row = values;
        row[at] = f32::NAN;
        let lead = Rows::new(&row, names.len()).lead(0, grammar.likely() as usize);
        prop_assert!(grammar.type_lead(&row, lead).is_nan());
    }

    /// The twin is the search over all tokens.
    #[test]
    fn what_lies_between_tokens_outside_is_searched_by_itself(
        scheme in schemes(),
        values in prop::collection::vec(prop_oneof![30 => -4.0_f32..4.0, 1 => Just(BARRED)], 13 * 60),
        above in prop::collection::vec(-1.0_f32..9.0, 1..9),
        cut in cuts(),
    ) {
        let names = scheme.names(&["x", "y", "z"]);
        let tagging = Tagging::new(&names, Some(scheme)).unwrap();
        let grammar = Grammar::new(tagging, Weights::default()).unwrap();
        let columns = names.len();
        let mut values = values[..columns * 60].to_vec();
        values.chunks_exact_mut(columns).zip(above.iter().cycle()).for_each(|(row, above)| row[0] += above);
        let (rows, items) = (Rows::new(&values, columns), (0..60).collect::<Vec<u32>>());
        prop_assume!(values.chunks(columns).all(|row| row.iter().any(|value| value.is_finite())));
        let (mut path, mut twin, mut space) = (Vec::new(), vec![0; 60], Space::default());
        let found = grammar.best_path(&rows, &items, cut, &mut space, &mut path);
        let want = grammar.search_run(&rows, &items, cut, &mut space, &mut twin);
        prop_assert_eq!(found.is_ok(), want.is_ok());
        if found.is_ok() {
            prop_assert_eq!(path, twin);
        }
    }

    #[test]
    fn best_of_all_paths_with_weights_of_the_caller(
        scheme in schemes(),
        tokens in 0_usize..6,
        values in prop::collection::vec(logit(), 5 * 5),
        steps in prop::collection::vec(logit(), 25),
        ends in prop::collection::vec(logit(), 10),
        cut in cuts(),
    ) {
        let names = scheme.names(&["x"]);
        let count = names.len();
        let weights = Weights::Matrix {
            steps: steps[..count * count].to_vec(),
            start: ends[..count].to_vec(),
            end: ends[5..5 + count].to_vec(),
        };
        let grammar = Grammar::new(Tagging::new(&names, Some(scheme)).unwrap(), weights).unwrap();
        check(&grammar, &values[..tokens * count], count, cut)?;
    }

    #[test]
    fn labels_of_one_name_share_no_place(values in prop::collection::vec(logit(), 4 * 4), cut in cuts()) {
        let grammar = Grammar::new(Tagging::new(&["O", "B-x", "I-x", "I-x"], None).unwrap(), Weights::default()).unwrap();
        prop_assert!(grammar.lanes.is_none());
        check(&grammar, &values, 4, cut)?;
    }
}

#[test]
fn ties() {
    for (names, values, want) in [
        // No weights, and the first of equal labels make a legal sequence.
        (&["O", "B-x", "I-x"][..], &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0][..], &[0, 0][..]),
        // I-x may not come first: B-x I-x and O O cost the same, and the same type goes on.
        (&["I-x", "B-x", "O"], &[1.0, 1.0, 1.0, 1.0, 0.0, 0.0], &[1, 0]),
        // Between types the first one named.
        (&["I-y", "I-x", "B-x", "B-y", "O"], &[9.0, 0.0, 2.0, 2.0, 0.0], &[3]),
    ] {
        let grammar = Grammar::new(Tagging::new(names, None).unwrap(), Weights::default()).unwrap();
        let (mut path, items) = (Vec::new(), (0..(values.len() / names.len()) as u32).collect::<Vec<_>>());
        grammar
            .best_path(
                &Rows::new(values, names.len()),
                &items,
                Cut::default(),
                &mut Space::default(),
                &mut path,
            )
            .unwrap();
        assert_eq!(path, want, "{names:?}");
    }
}

#[test]
fn a_type_that_is_sure_counts_for_a_place_that_is_not() {
    let names = ["O", "B-x", "I-x", "B-y", "I-y"];
    let grammar = Grammar::new(Tagging::new(&names, None).unwrap(), Weights::default()).unwrap();
    for (name, rows, want) in [
        (
            "alone",
            &[[9.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.5, 0.0], [9.0, 0.0, 0.0, 0.0, 0.0]][..],
            &[0, 1, 0][..],
        ),
        ("not sure", &[[9.0, 0.0, 0.0, 0.0, 0.0], [0.0, -9.0, 2.0, -9.0, -9.0]], &[0, 0]),
        ("barred", &[[9.0, 0.0, 0.0, 0.0, 0.0], [0.0, BARRED, 9.0, -1.0, 0.0]], &[0, 0]),
        ("behind another type", &[[0.0, 9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 9.0]], &[1, 3]),
    ] {
        let items: Vec<u32> = (0..rows.len() as u32).collect();
        let (mut path, mut space) = (Vec::new(), Space::default());
        let rows = Rows::new(rows.as_flattened(), names.len());
        grammar.best_path(&rows, &items, Cut::default(), &mut space, &mut path).unwrap();
        assert_eq!(path, want, "{name}");
    }
}

#[test]
fn refusals() {
    let tagging = |names: &[&str]| Tagging::new(names, None).unwrap();
    let biased = Weights::Biases(Biases { background_stay: 1.0, ..Biases::default() });
    assert!(matches!(
        Grammar::new(tagging(&["O", "B-x", "I-x"]), biased),
        Err(Error::BadOption { name: "biases", .. })
    ));
    let short = Weights::Matrix { steps: vec![0.0; 8], start: vec![0.0; 3], end: vec![0.0; 3] };
    assert!(matches!(
        Grammar::new(tagging(&["O", "B-x", "I-x"]), short),
        Err(Error::WeightCount { name: "transitions", got: 8, labels: 3 })
    ));
}
