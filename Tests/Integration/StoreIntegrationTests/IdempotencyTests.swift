import Domain
import Postgres
import Store
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct IdempotencyTests {
    private static let hash = String(repeating: "a", count: 64)

    private func keyed(_ text: String, credential: String = "key-1", hash: String = hash) -> IdempotentRequest {
        IdempotentRequest(
            key: .init(tenantID: "default", credentialID: credential, text: text),
            requestHash: hash
        )
    }

    private func message(_ stores: Stores, _ session: String, key: String) -> AcceptRequest {
        var request = stores.message(session)
        request.idempotency = keyed(key).answered(StoredAnswer(body: Array(#"{"id":"\#(request.eventID)"}"#.utf8)))
        return request
    }

    @Test func aMessageAndItsKeyAreCommittedTogetherOrNotAtAll() async throws {
        try await withStores { stores in
            let store = IdempotencyStore(database: stores.database, configuration: .init())
            let request = message(stores, "s", key: "k")
            #expect(try await store.find(keyed("k")) == .nothing)
            #expect(try await stores.messages.accept(request) == .accepted(seq: 1))
            let answer = StoredAnswer(body: Array(#"{"id":"\#(request.eventID)"}"#.utf8))
            #expect(try await store.find(keyed("k")) == .answer(answer))
            #expect(try await store.find(keyed("k", hash: String(repeating: "b", count: 64))) == .otherRequest)
            #expect(try await store.find(keyed("k", credential: "key-2")) == .nothing)

            // A second message under the key is refused, and leaves nothing behind; others beside it do not suffer.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await #expect {
                        _ = try await stores.messages.accept(message(stores, "s", key: "k"))
                    } throws: { error in
                        IdempotencyStore.isTaken(error)
                    }
                }
                for number in 0..<20 {
                    group.addTask {
                        let other = message(stores, "t-\(number % 3)", key: "other-\(number)")
                        guard case .accepted = try await stores.messages.accept(other) else {
                            throw StoreError(code: .corrupt, message: "not accepted")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await stores.endpoint.sql("SELECT last_seq FROM sessions WHERE session_id = 's'") == "1")
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM turns") == "21")
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM idempotency_keys") == "21")
        }
    }

    @Test func aMessageWithoutRoomKeepsNoKey() async throws {
        var configuration = StoreConfiguration()
        configuration.openTurnsPerSessionMax = 1
        try await withStores(configuration) { stores in
            let store = IdempotencyStore(database: stores.database, configuration: .init())
            #expect(try await stores.messages.accept(message(stores, "s", key: "k1")) == .accepted(seq: 1))
            let second = try await stores.messages.accept(message(stores, "s", key: "k2"))
            #expect(second == .sessionFull)
            #expect(try await store.find(keyed("k2")) == .nothing)
            #expect(try await stores.messages.accept(message(stores, "other", key: "k2")) == .accepted(seq: 1))
        }
    }

    @Test func anAnswerIsOpenForItsTimeThenFinalAndGoneAfterTheRetention() async throws {
        try await withStores { stores in
            let store = IdempotencyStore(database: stores.database, configuration: .init())
            let request = keyed("k")
            let first = StoredAnswer(status: 202, contentType: "text/plain", body: [0, 1, 255])
            try await store.save(request.answered(first, openFor: .seconds(3600)))
            #expect(try await store.find(request) == .open)
            // Saving again changes nothing, settling does.
            try await store.save(request.answered(StoredAnswer(body: [])))
            #expect(try await store.find(request) == .open)
            let last = StoredAnswer(status: 201, contentType: "text/css", body: [7])
            try await store.settle(request.answered(last))
            #expect(try await store.find(request) == .answer(last))
            _ = try await stores.endpoint.sql("UPDATE idempotency_keys SET open_until = now() - interval '1 s'")
            #expect(try await store.find(request) == .answer(last))

            let age = "UPDATE idempotency_keys SET created_at = now() - interval"
            _ = try await stores.endpoint.sql("\(age) '86395 s'")
            #expect(try await store.find(request) == .answer(last))
            _ = try await stores.endpoint.sql("\(age) '86401 s'")
            #expect(try await store.find(request) == .nothing)
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM idempotency_keys") == "0")
        }
    }

    @Test func aDirectCallAndItsKeyAreCommittedTogether() async throws {
        try await withStores { stores in
            func event() -> OutboxEvent {
                OutboxEvent(
                    tenantID: "default",
                    topic: .toolRequests,
                    eventID: Identifier.make(),
                    sessionID: "s",
                    payload: Array("{}".utf8)
                )
            }
            try await stores.runs.enqueue(event(), idempotency: keyed("k").answered(StoredAnswer(body: [])))
            await #expect {
                try await stores.runs.enqueue(event(), idempotency: keyed("k").answered(StoredAnswer(body: [])))
            } throws: { error in
                IdempotencyStore.isTaken(error)
            }
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM outbox") == "1")
        }
    }

    @Test(
        arguments: [
            ("", false), ("k", true), ("!~", true), (String(repeating: "k", count: 255), true),
            (String(repeating: "k", count: 256), false), ("a b", false), ("a\tb", false), ("\u{7F}", false),
            ("ä", false), ("\u{20}", false),
        ]
    )
    func aKeyIsVisibleAsciiAndNotTooLong(key: String, isValid: Bool) {
        #expect(IdempotentRequest.isValid(key) == isValid)
    }
}
