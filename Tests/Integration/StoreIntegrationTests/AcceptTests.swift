import Domain
import JSON
import Postgres
import Store
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct AcceptTests {
    @Test func aSessionTakesAsManyUnfinishedTurnsAsItMayAndNotOneMore() async throws {
        var configuration = StoreConfiguration()
        configuration.openTurnsPerSessionMax = 5
        try await withStores(configuration) { stores in
            let outcomes = try await withThrowingTaskGroup(of: AcceptOutcome.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await stores.messages.accept(stores.message("s")) }
                }
                return try await group.reduce(into: [AcceptOutcome]()) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == .sessionFull } == 1)
            #expect(try await stores.endpoint.sql("SELECT last_seq, open_turns FROM sessions") == "5|5")
            #expect(try await stores.messages.accept(stores.message("other")) == .accepted(seq: 1))
        }
    }

    @Test func messagesAtOnceGetSeqsWithoutGaps() async throws {
        try await withStores { stores in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask { _ = try await stores.accept("s-\(index % 10)") }
                }
                try await group.waitForAll()
            }
            let gaps =
                "SELECT count(*) FROM (SELECT session_id FROM session_events GROUP BY 1 "
                + "HAVING max(seq) <> 20 OR count(DISTINCT seq) <> 20) bad"
            #expect(try await stores.endpoint.sql(gaps) == "0")
            let chain = "SELECT count(*) FROM turns t WHERE prior_seq <> seq - 1"
            #expect(try await stores.endpoint.sql(chain) == "0")
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM outbox") == "200")
        }
    }

    @Test func aMessageThatComesTwiceIsAcceptedOnce() async throws {
        try await withStores { stores in
            let request = stores.message("s", id: "given-by-hand")
            let first = try await stores.repeatable.accept(request)
            let second = try await stores.repeatable.accept(request)
            #expect(first == .accepted(seq: 1) && second == .duplicate)
            #expect(try await stores.endpoint.sql("SELECT last_seq, open_turns FROM sessions") == "1|1")
        }
    }

    @Test func whatStayedBehindIsDueOnceADeadlineAndGoesWhenItIsProcessed() async throws {
        var configuration = StoreConfiguration()
        configuration.republishAfter = .seconds(3)
        try await withStores(configuration) { stores in
            let key = try await stores.accept("s")
            #expect(try await stores.outbox.due(tenants: ["default"], limit: 10).isEmpty)
            let event = try await eventuallyValue {
                try await stores.outbox.due(tenants: ["default"], limit: 10).first
            }
            #expect(event.eventID == key.turnID && event.topic == .inbound && event.sessionID == "s")
            #expect(try await stores.outbox.due(tenants: ["default"], limit: 10).isEmpty)
            #expect(try await stores.outbox.tenants() == ["default"])
            _ = try await stores.claim(key)
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM outbox") == "0")
        }
    }

    /// Seconds until a relay may take the one row of the outbox, rounded up.
    private func secondsLeft(_ stores: Stores) async throws -> Int? {
        Int(try await stores.endpoint.sql("SELECT ceil(extract(epoch FROM publish_at - now()))::int FROM outbox"))
    }

    @Test func whatWasNeverPublishedIsDueSoonAndWhatWasAfterTheRepublishDeadline() async throws {
        var configuration = StoreConfiguration()
        configuration.republishAfter = .seconds(600)
        configuration.publishAfterMax = .seconds(2)
        try await withStores(configuration) { stores in
            let key = try await stores.accept("s")
            #expect(try #require(try await secondsLeft(stores)) <= 2)
            let event = try await eventuallyValue {
                try await stores.outbox.due(tenants: ["default"], limit: 10).first
            }
            // Whoever took it may be lost before it publishes it.
            #expect(try #require(try await secondsLeft(stores)) <= 2)
            #expect(stores.outbox.tellsPublished)
            try await stores.outbox.published([event])
            #expect(try #require(try await secondsLeft(stores)) > 500)
            _ = try await stores.claim(key)
            try await stores.outbox.published([event])
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM outbox") == "0", "it is not made again")
        }
        configuration.republishAfter = configuration.publishAfterMax
        try await withStores(configuration) { stores in
            #expect(!stores.outbox.tellsPublished, "it would change nothing")
        }
    }

    @Test func nothingCrossesTenants() async throws {
        try await withStores { stores in
            _ = try await stores.endpoint.sql("INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'Acme')")
            var foreign = stores.message("s", "secret of acme")
            foreign.tenantID = "acme"
            #expect(try await stores.messages.accept(foreign) == .accepted(seq: 1))
            _ = try await stores.accept("s", "mine")
            let mine = try #require(
                try await stores.reads.events(of: "s", tenantID: "default", page: HistoryPage())
            )
            #expect(mine.map { $0.json["message"]?.stringValue } == ["mine"])
            #expect(try await stores.reads.turn(foreign.eventID, tenantID: "default") == nil)
            // Row-level security stands behind the queries: without a name there is nothing to see at all.
            let unnamed = try await stores.database.query("SELECT count(*) FROM session_events", [])
            let seen = try unnamed.rows[0].int(0)
            #expect(seen == 0)
            let partition = "SELECT count(*) FROM session_events_0"
            await #expect(throws: (any Error).self) { try await stores.database.query(.init(partition), []) }
        }
    }

    @Test func aToolRunCountsOnce() async throws {
        try await withStores { stores in
            let request = ToolRequest(eventID: "r1", sessionID: "s", toolName: "echo", arguments: ["message": "x"])
            let result = ToolResult(to: request, status: .success, payload: ["message": "x"])
            let event = OutboxEvent(
                tenantID: "default",
                topic: .toolResults,
                eventID: "r1",
                sessionID: "s",
                payload: result.serialized()
            )
            #expect(try await stores.runs.begin(request, tenantID: "default", timeout: .seconds(30)) == .granted)
            #expect(try await stores.runs.begin(request, tenantID: "default", timeout: .seconds(30)) == .running)
            #expect(try await stores.runs.finish(request, tenantID: "default", result: result, event: event))
            #expect(try await stores.runs.finish(request, tenantID: "default", result: result, event: event) == false)
            #expect(try await stores.runs.begin(request, tenantID: "default", timeout: .seconds(30)) == .finished)
            let view = try #require(try await stores.runs.result(of: "r1", tenantID: "default"))
            #expect(view.isFinished && view.json["payload"] == ["message": "x"])
            #expect(try await stores.endpoint.sql("SELECT topic FROM outbox") == "tool.results")
        }
    }
}
