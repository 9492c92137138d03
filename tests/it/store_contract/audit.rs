//! Laws of the audit trail.

use promptdb::domain::paging::{Limit, PageRequest};

use promptdb::domain::Timestamp;
use promptdb::store::Use;

use super::{by, laws, library_of};
use crate::support::draft;

laws! {
    async fn each_write_leaves_one_entry_in_the_audit_trail(world) {
        let one = world.create("p", "one").await;
        let two = world.save(&one, "two").await;
        world.delete(&two).await;
        world.store.undelete_prompt(&world.library, &one.id, &by("undeleter")).await.unwrap();
        assert_eq!(world.audit().await, [
            "created p 1 test", "saved p 2 saver", "deleted p 2 deleter", "undeleted p 2 undeleter",
        ]);
    }

    async fn a_mark_differs_after_each_write_and_after_nothing_else(world) {
        let other = library_of("user_other");
        let theirs = world.store.mark_writes(&other).await.unwrap();
        let before = world.store.mark_writes(&world.library).await.unwrap();
        let one = world.create("p", "one").await;
        let created = world.store.mark_writes(&world.library).await.unwrap();
        assert_ne!(created.entry, before.entry);
        // A store whose marks are calls of another machine do not distinguish the writers.
        let shows_own = world.store.bills_marks();
        assert_eq!(created.shows_other_writer_since(before), shows_own);

        let uses = [Use { id: one.id.clone(), count: 1, last_used_at: Timestamp::from_millis(1) }];
        world.store.record_uses(&world.library, &uses).await.unwrap();
        let after_use = world.store.mark_writes(&world.library).await.unwrap();
        assert_eq!(after_use.entry, created.entry, "a use changes no list");

        world.save(&one, "two").await;
        let saved = world.store.mark_writes(&world.library).await.unwrap();
        assert_eq!(saved.shows_other_writer_since(after_use), shows_own);
        assert_ne!(saved.entry, after_use.entry);
        assert_eq!(world.store.mark_writes(&other).await.unwrap(), theirs);
    }

    async fn pages_of_the_audit_trail_skip_no_entry_while_entries_are_added(world) {
        for number in 0..7 {
            world.create_draft(draft(&format!("p{number}"), "x")).await;
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit: Limit::parse(2).unwrap(), cursor };
            let page = world.store.list_audit(&world.library, &request).await.unwrap();
            seen.extend(page.items.into_iter().map(|entry| entry.name.unwrap().to_string()));
            world.create(&format!("more{}", seen.len()), "x").await;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["p6", "p5", "p4", "p3", "p2", "p1", "p0"]);
    }
}
