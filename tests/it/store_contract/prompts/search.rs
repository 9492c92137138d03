//! Laws of search: names, words in any script, harmless syntax, filters.

use promptdb::domain::draft::Draft;
use promptdb::domain::prompt::Tag;
use promptdb::domain::ranking::{MATCHES_MAX, Query, rank};
use promptdb::store::{Change, Filter, Search};

use crate::store_contract::{World, by, change, laws};
use crate::support::draft;

async fn find(world: &World, query: &str, filter: &Filter) -> Vec<String> {
    let query = Query::parse(query).unwrap();
    let search = Search::Query(query.clone());
    let found = world.store.search_prompts(&world.library, &search, filter).await.unwrap();
    let weights = found.frequencies.to_weights(&query);
    rank(&query, &weights, found.prompts)
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
        assert_eq!(find(world, "Code Review", &all).await, ["code-review", "code-review-rust"]);
        assert_eq!(find(world, "code-rev", &all).await, ["code-review-rust", "code-review"]);
        assert_eq!(find(world, "films", &all).await, ["review-of-films"]);
        assert_eq!(find(world, "review films", &all).await, ["review-of-films"]);
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
                let search = Search::Query(query);
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
        let alike = Search::Alike { words: vec!["words".to_owned(), "other".to_owned()], most: 7 };
        let found = world.store.search_prompts(&world.library, &alike, &Filter::default()).await.unwrap();
        assert_eq!(found.prompts.len(), 7);
    }
}
