//! Laws of the programs that call for a library.

use promptdb::domain::Timestamp;
use promptdb::domain::identity::{CLIENTS_MAX, Channel, Client};
use promptdb::store::ClientCall;

use super::laws;

fn seen(name: &str, via: Channel, millis: i64) -> ClientCall {
    ClientCall { name: Client::named(name), via, at: Timestamp::from_millis(millis) }
}

laws! {
    async fn a_client_keeps_its_first_time_and_its_latest_never_goes_back(world) {
        let (store, library) = (&world.store, &world.library);
        for millis in [1000, 3000, 2000, 3000] {
            store.record_clients(library, &[seen("cursor", Channel::Mcp, millis)]).await.unwrap();
        }
        let others = [seen("cursor", Channel::Api, 1500), seen("Claude \"x\" é", Channel::Stdio, 9)];
        store.record_clients(library, &others).await.unwrap();
        let found = store.list_clients(library).await.unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|client| {
                let (first, last) = (client.first_seen_at.as_millis(), client.last_seen_at.as_millis());
                (client.name.as_str(), client.via, first, last)
            })
            .collect();
        assert_eq!(shown, [
            ("cursor", Channel::Mcp, 1000, 3000),
            ("cursor", Channel::Api, 1500, 1500),
            ("Claude \"x\" é", Channel::Stdio, 9, 9),
        ]);
        assert!(world.audit().await.is_empty());
    }

    async fn the_clients_that_were_seen_last_stay(world) {
        let (store, library) = (&world.store, &world.library);
        let many = |from: usize, to: usize| -> Vec<ClientCall> {
            (from..to).map(|number| seen(&format!("c{number}"), Channel::Mcp, 1000 + i64::try_from(number).unwrap())).collect()
        };
        store.record_clients(library, &many(0, CLIENTS_MAX)).await.unwrap();
        store.record_clients(library, &many(CLIENTS_MAX, CLIENTS_MAX + 5)).await.unwrap();
        let found = store.list_clients(library).await.unwrap();
        assert_eq!(found.len(), CLIENTS_MAX);
        assert_eq!((found[0].name.as_str(), found[CLIENTS_MAX - 1].name.as_str()), ("c54", "c5"));
        store.record_clients(library, &[]).await.unwrap();
        assert_eq!(store.list_clients(library).await.unwrap(), found);
    }
}
