//! Laws of the audit trail.

use promptdb::domain::paging::{Limit, PageRequest};

use super::{by, laws};
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
