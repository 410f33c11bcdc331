import JSON
import TestKit
import Testing

/// What can be looked up afterwards.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct HistoryTests {
    @Test("History comes newest first, and in pages in both directions")
    func pages() async throws {
        try await withPlatform { platform in
            let session = unique("history")
            for number in 1...4 {
                let sent = try await platform.client.post("message \(number)", session: session)
                _ = try await platform.client.finishedTurn(sent.eventID)
            }
            let expected = (1...4).flatMap { ["message \($0)", "You said: message \($0)"] }
            func page(_ query: String) async throws -> (texts: [String], json: JSONValue) {
                let response = try await platform.client.get("/v1/sessions/\(session)/events?\(query)")
                #expect(response.status == 200)
                let events = response.json["events"]?.arrayValue ?? []
                return (events.compactMap { $0["message"]?.stringValue }, response.json)
            }
            #expect(try await page("").texts == expected.reversed())
            #expect(try await page("order=asc").texts == expected)
            #expect(try await page("").json["has_more"] == false)

            var backwards: [String] = []
            var query = "limit=3"
            while true {
                let (texts, json) = try await page(query)
                backwards += texts
                guard json["has_more"] == true, let next = json["next_before"]?.intValue else { break }
                query = "limit=3&before=\(next)"
            }
            #expect(backwards == expected.reversed())

            var forwards: [String] = []
            query = "limit=3&order=asc"
            while true {
                let (texts, json) = try await page(query)
                forwards += texts
                guard json["has_more"] == true, let next = json["next_after"]?.intValue else { break }
                query = "limit=3&order=asc&after=\(next)"
            }
            #expect(forwards == expected)
            let middle = try await platform.client.history(session, "after=2&before=5&order=asc")
            #expect(middle.compactMap { $0["seq"]?.intValue } == [3, 4])
            // Message and answer name the same turn, which is the message's own id.
            #expect(middle.first?["turn_id"]?.stringValue == middle.first?["event_id"]?.stringValue)
            #expect(middle.last?["turn_id"] == middle.first?["turn_id"])
        }
    }

    @Test(
        "A query that makes no sense is refused with the member that is wrong",
        arguments: [
            ("limit=0", "limit"), ("limit=501", "limit"), ("limit=ten", "limit"), ("order=up", "order"),
            ("after=-1", "after"), ("before=x", "before"),
        ]
    )
    func refusedQueries(query: String, field: String) async throws {
        try await withPlatform { platform in
            let sent = try await platform.client.post("hello", session: "history-queries")
            let response = try await platform.client.get("/v1/sessions/\(sent.sessionID)/events?\(query)")
            #expect(response.status == 422)
            #expect(response.fields == [field])
            // At the limit it is fine.
            let fine = try await platform.client.get("/v1/sessions/\(sent.sessionID)/events?limit=500&after=0")
            #expect(fine.status == 200)
        }
    }

    @Test("What the tenant does not have is 404")
    func unknown() async throws {
        try await withPlatform { platform in
            for path in ["/v1/sessions/nobody/events", "/v1/turns/nobody", "/v1/tool/runs/nobody", "/v1/turns/a%20b"] {
                let response = try await platform.client.get(path)
                #expect(response.status == 404)
                #expect(response.code == "not_found")
            }
        }
    }
}
