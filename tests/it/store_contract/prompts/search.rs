//! Laws of search: names, words in any script, harmless syntax, filters.

use promptdb::domain::draft::Draft;
use promptdb::domain::prompt::Tag;
use promptdb::domain::ranking::{MATCHES_MAX, Query, rank};
use promptdb::store::{Change, Filter, Search};

use crate::store_contract::{World, by, change, laws};
use crate::support::draft;

async fn find(world: &World, query: &str, filter: &Filter) -> Vec<String> {
    let query = Query::parse(query).unwrap();
    let search = Search::by_words(query.clone());
    let found = world.store.search_prompts(&world.library, &search, filter).await.unwrap();
    let weights = found.frequencies.to_weights(&query);
    rank(&query, &weights, found.matches)
        .iter()
        .map(|ranked| ranked.prompt.name.to_string())
        .collect()
}

laws! {
    async fn names_are_found_exactly_by_prefix_and_by_their_words(world) {
        world.create("code-review", "x").await;
        world.create("code-review-rust", "x").await;
        world.create("review-of-films", "x").await;
        let all = Filter::default();
        let found = find(world, "Code Review", &all).await;
        assert_eq!(found, ["code-review", "code-review-rust", "review-of-films"]);
        assert_eq!(find(world, "code-rev", &all).await[..2], ["code-review", "code-review-rust"]);
        assert_eq!(find(world, "films", &all).await, ["review-of-films"]);
        assert_eq!(find(world, "review films", &all).await[0], "review-of-films");
    }

    async fn every_text_of_a_prompt_is_searched(world) {
        world.create_draft(Draft { title: Some("Haiku".to_owned()), ..draft("a", "x") }).await;
        world.create_draft(Draft { description: Some("for spring".to_owned()), ..draft("b", "x") }).await;
        world.create_draft(Draft { tags: Some(vec!["poetry-club".to_owned()]), ..draft("c", "x") }).await;
        world.create("d", "Write about the sea.").await;
        for (query, name) in [("haiku", "a"), ("SPRING", "b"), ("poetry", "c"), ("the sea", "d"), ("writ", "d")] {
            assert_eq!(find(world, query, &Filter::default()).await, [name], "{query}");
        }
        assert!(find(world, "absent", &Filter::default()).await.is_empty());
        assert_eq!(find(world, "sea monsters", &Filter::default()).await, ["d"], "any word where none has all");
    }

    async fn a_title_is_found_despite_a_typo(world) {
        world.create_draft(Draft { title: Some("Kubernetes checklist".to_owned()), ..draft("k8s", "x") }).await;
        world.create_draft(Draft { title: Some("Travel guide".to_owned()), ..draft("a", "x") }).await;
        world.create("pomodoro-timer", "x").await;
        for (query, name) in [
            ("kubernets", "k8s"), ("kuberentes checklst", "k8s"), ("travle guide", "a"), ("pomodorro", "pomodoro-timer"),
        ] {
            assert_eq!(find(world, query, &Filter::default()).await, [name], "{query}");
        }
        assert!(find(world, "xylophone", &Filter::default()).await.is_empty());
    }

    async fn words_are_found_despite_invisible_characters_and_vowel_points(world) {
        world.create("soft", "Deploy ku\u{ad}ber\u{ad}netes now").await;
        world.create("joined", "Write ter\u{200d}ra\u{2060}form\u{feff} modules").await;
        world.create("persian", "من می\u{200c}خواهم").await;
        world.create("hebrew", "כתוב שָׁלוֹם לכולם").await;
        world.create("arabic", "اكتب مُحَمَّدٌ").await;
        for (query, name) in [
            ("kubernetes", "soft"), ("terraform", "joined"), ("terra\u{ad}form", "joined"),
            ("میخواهم", "persian"), ("שלום", "hebrew"), ("محمد", "arabic"), ("مُحمد", "arabic"),
        ] {
            assert_eq!(find(world, query, &Filter::default()).await, [name], "{query}");
        }
    }

    /// Every store counts the same, so that every store returns the same order.
    async fn rare_words_decide_the_order(world) {
        for number in 0..9 {
            world.create(&format!("common-{number}"), "the best plan for the week").await;
        }
        world.create("rare", "a plan for a zebra").await;
        world.create("rarer", "the zebra and the okapi for the best of the week").await;
        let query = Query::parse("the best zebra for okapi").unwrap();
        let search = Search::by_words(query.clone());
        let found = world.store.search_prompts(&world.library, &search, &Filter::default()).await.unwrap();
        assert_eq!(found.frequencies.rows, 11);
        assert_eq!(found.frequencies.with_word, [10, 10, 2, 11, 1]);
        let names = find(world, "the best zebra for okapi", &Filter::default()).await;
        assert_eq!(names[..3], ["rarer", "rare", "common-8"]);
        assert_eq!(find(world, "the for", &Filter::default()).await.len(), 11, "stop words alone");
    }

    async fn words_of_every_script_are_found(world) {
        for (name, content, query) in [
            ("ru", "Переведи текст на английский", "переведи ТЕКСТ"),
            ("zh", "请把以下文本翻译成英文", "翻译"),
            ("th", "แปลข้อความนี้เป็นภาษาอังกฤษ", "ข้อความ"),
            ("hi", "इस पाठ का अनुवाद करें", "अनुवाद"),
            ("fr", "Résume ce document en trois points", "resume"),
            ("ko", "이 문장을 번역해 주세요", "문장을"),
            ("ar", "ترجم هذا النص إلى الإنجليزية", "النص"),
        ] {
            world.create(name, content).await;
            assert_eq!(find(world, query, &Filter::default()).await, [name], "{query}");
        }
    }

    async fn syntax_of_a_query_is_harmless(world) {
        world.create("p", "near or not and x").await;
        for query in ["\"", "x\"", "x OR", "NEAR(x", "x*", "^x", "-x", "x AND NOT", "owner:x", "{x}", "x:", "'; x --", "x + x", "(x"] {
            if let Ok(query) = Query::parse(query) {
                let search = Search::by_words(query);
                world.store.search_prompts(&world.library, &search, &Filter::default()).await.unwrap();
            }
        }
        assert_eq!(find(world, "x OR \"", &Filter::default()).await, ["p"]);
    }

    async fn a_search_reflects_saves_deletions_and_restores(world) {
        let prompt = world.create("p", "apples").await;
        let prompt = world.save(&prompt, "pears").await;
        assert!(find(world, "apples", &Filter::default()).await.is_empty());
        assert_eq!(find(world, "pears", &Filter::default()).await, ["p"]);
        world.delete(&prompt).await;
        assert!(find(world, "pears", &Filter::default()).await.is_empty());
        assert!(find(world, "p", &Filter::default()).await.is_empty());
        world.store.undelete_prompt(&world.library, &prompt.id, &by("x")).await.unwrap();
        assert_eq!(find(world, "pears", &Filter::default()).await, ["p"]);
    }

    async fn filters_narrow_a_search(world) {
        let tagged = Draft { tags: Some(vec!["fruit".to_owned()]), ..draft("a", "apples") };
        world.create_draft(tagged).await;
        let marked = world.create("b", "apples").await;
        let mark = Change { favorite: Some(true), ..change(&marked, "apples") };
        world.store.save_prompt(&world.library, &marked.id, mark, &by("x")).await.unwrap();
        let fruit = Filter { tag: Some(Tag::parse("fruit").unwrap()), ..Filter::default() };
        let favorite = Filter { favorite: Some(true), ..Filter::default() };
        assert_eq!(find(world, "apples", &fruit).await, ["a"]);
        assert_eq!(find(world, "apples", &favorite).await, ["b"]);
        assert_eq!(find(world, "b", &fruit).await, Vec::<String>::new());
    }

    async fn a_search_returns_a_bounded_number_of_prompts(world) {
        for number in 0..MATCHES_MAX + 10 {
            world.create(&format!("match-{number}"), "the same words").await;
        }
        assert_eq!(find(world, "same words", &Filter::default()).await.len(), MATCHES_MAX);
        assert_eq!(find(world, "match", &Filter::default()).await.len(), MATCHES_MAX);
        let alike = Search::Alike { words: vec!["words".to_owned(), "other".to_owned()], meaning: None, most: 7 };
        let found = world.store.search_prompts(&world.library, &alike, &Filter::default()).await.unwrap();
        assert_eq!(found.matches.len(), 7);
    }
}
