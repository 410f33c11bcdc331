import Domain
import EventBus
import HTTPClient
import JSON
import TestKit
import Testing

/// `/v1/admin/dlq`: who may see, send again and remove what.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct DeadLetterAPITests {
    private static func key(_ platform: Platform, tenant: String = "default", scope: String) async throws -> String {
        let result = try await platform.parleyctl(["keys", "create", "--tenant", tenant, "--scope", scope])
        return try #require(result.standardOutput.split(separator: "\n").first.map(String.init))
    }

    /// Makes a dead letter.
    private static func makeLetter(_ platform: Platform, tenant: String? = nil) async throws -> (key: String, id: Int) {
        let key = unique("letter")
        try await platform.publish(
            Topic.inbound.rawValue,
            key: key,
            ["{ no JSON of \(key)"],
            headers: tenant.map { [BusHeader("tenant", $0)] } ?? []
        )
        let id = try await eventuallyValue("the dead letter", timeout: .seconds(45)) {
            Int(try await platform.sql("SELECT dead_letter_id FROM dead_letters WHERE record_key = '\(key)'"))
        }
        return (key, id)
    }

    @Test("Without a key 401, with a key that lacks the scope admin 403, and nothing happens")
    func authorization() async throws {
        try await withPlatform { platform in
            let letter = try await Self.makeLetter(platform)
            let admin = platform.client.with(key: try await Self.key(platform, scope: "admin"))
            let other = platform.client.with(key: try await Self.key(platform, scope: "messages"))
            for (client, status) in [(platform.client.with(key: nil), 401), (other, 403)] {
                for (method, path) in [
                    ("GET", "/v1/admin/dlq"), ("GET", "/v1/admin/dlq/\(letter.id)"),
                    ("POST", "/v1/admin/dlq/\(letter.id)/redrive"), ("DELETE", "/v1/admin/dlq/\(letter.id)"),
                ] {
                    let response = try await client.request(method, path)
                    #expect(response.status == status, "\(method) \(path)")
                    #expect(response.code == (status == 401 ? "unauthorized" : "forbidden"))
                    try APISchemas.expect(response.json, "Problem")
                    #expect(!String(decoding: response.body, as: UTF8.self).contains(letter.key))
                }
            }
            let row = try await admin.get("/v1/admin/dlq/\(letter.id)")
            #expect(row.status == 200)
            #expect(row.json["redrives"] == 0)
        }
    }

    @Test("An admin sees, sends again and removes the dead letters of the own tenant only")
    func isolation() async throws {
        try await withPlatform { platform in
            let tenant = unique("tenant")
            let theirs = try await platform.makeTenant(tenant)
            let letter = try await Self.makeLetter(platform, tenant: tenant)
            let mine = try await Self.makeLetter(platform)
            for (client, own, foreign) in [(theirs, letter, mine), (platform.client, mine, letter)] {
                let page = try await client.get("/v1/admin/dlq?limit=500").json["dead_letters"]?.arrayValue ?? []
                #expect(page.contains { $0["id"]?.intValue == own.id })
                #expect(!page.contains { $0["id"]?.intValue == foreign.id })
                #expect(try await client.get("/v1/admin/dlq/\(own.id)").status == 200)
                #expect(try await client.get("/v1/admin/dlq/\(foreign.id)").status == 404)
                #expect(try await client.post("/v1/admin/dlq/\(foreign.id)/redrive", json: [:]).status == 404)
                #expect(try await client.request("DELETE", "/v1/admin/dlq/\(foreign.id)").status == 404)
            }
            let left = try await platform.sql(
                "SELECT count(*), sum(redrives) FROM dead_letters WHERE dead_letter_id IN (\(letter.id), \(mine.id))"
            )
            #expect(left == "2|0")
        }
    }

    @Test("Dead letters are listed by page, topic and reason, and read whole")
    func reading() async throws {
        try await withPlatform { platform in
            let tenant = unique("tenant")
            let client = try await platform.makeTenant(tenant)
            var letters: [(key: String, id: Int)] = []
            for _ in 0..<3 { letters.append(try await Self.makeLetter(platform, tenant: tenant)) }
            func ids(_ query: String) async throws -> [Int] {
                let response = try await client.get("/v1/admin/dlq?\(query)")
                #expect(response.status == 200)
                try APISchemas.expect(response.json, "DeadLetters")
                #expect(!String(decoding: response.body, as: UTF8.self).contains("no JSON of"))
                return (response.json["dead_letters"]?.arrayValue ?? []).compactMap { $0["id"]?.intValue }
            }
            let newestFirst = Array(letters.map(\.id).reversed())
            #expect(try await ids("") == newestFirst)
            #expect(try await ids("limit=500") == newestFirst)
            #expect(try await ids("limit=2") == Array(newestFirst.prefix(2)))
            let first = try await client.get("/v1/admin/dlq?limit=2").json
            #expect(first["has_more"] == true)
            #expect(first["next_before"]?.intValue == newestFirst[1])
            #expect(try await ids("limit=2&before=\(newestFirst[1])") == [newestFirst[2]])
            #expect(try await client.get("/v1/admin/dlq?before=\(newestFirst[1])").json["has_more"] == false)
            #expect(try await ids("topic=conversation.inbound&reason=malformed") == newestFirst)
            #expect(try await ids("topic=tool.requests").isEmpty)
            #expect(try await ids("reason=failed").isEmpty)
            for wrong in ["limit=0", "limit=501", "limit=x", "before=-1", "topic=nothing", "reason=nothing"] {
                let response = try await client.get("/v1/admin/dlq?\(wrong)")
                #expect(response.status == 422, "\(wrong)")
                try APISchemas.expect(response.json, "Problem")
            }

            let whole = try await client.get("/v1/admin/dlq/\(letters[0].id)")
            try APISchemas.expect(whole.json, "WholeDeadLetter")
            #expect(whole.json["payload"]?.stringValue == "{ no JSON of \(letters[0].key)")
            #expect(whole.json["headers"] == [["name": "tenant", "value": .string(tenant)]])
            #expect(whole.json["tenant_id"]?.stringValue == tenant)
            #expect(whole.json["topic"] == "conversation.inbound")
            for id in ["0", "-1", "x", "9223372036854775807", "9223372036854775808"] {
                #expect(try await client.get("/v1/admin/dlq/\(id)").status == 404)
            }

            #expect(try await client.request("DELETE", "/v1/admin/dlq/\(letters[1].id)").status == 204)
            #expect(try await client.request("DELETE", "/v1/admin/dlq/\(letters[1].id)").status == 404)
            #expect(try await ids("") == [letters[2].id, letters[0].id])
        }
    }

    @Test("Sending again under an idempotency key is done once, with the same answer")
    func idempotency() async throws {
        try await withPlatform { platform in
            let letter = try await Self.makeLetter(platform)
            let path = "/v1/admin/dlq/\(letter.id)/redrive"
            let headers: HTTPClientHeaders = ["Idempotency-Key": unique("key")]
            let first = try await platform.client.post(path, json: [:], headers: headers)
            let second = try await platform.client.post(path, json: [:], headers: headers)
            #expect(first.status == 200 && second.status == 200)
            #expect(first.body == second.body)
            #expect(first.headers["idempotency-replayed"] == nil)
            #expect(second.headers["idempotency-replayed"] == "true")
            try APISchemas.expect(first.json, "DeadLetterRedriven")
            let row = try await platform.client.get("/v1/admin/dlq/\(letter.id)")
            #expect(row.json["redrives"] == 1)
            // What is no JSON still is none: it is a dead letter again, with a number of its own.
            try await eventually("the second dead letter", timeout: .seconds(45)) {
                try await platform.sql(
                    "SELECT count(*) FROM dead_letters WHERE record_key = '\(letter.key)'"
                ) == "2"
            }
        }
    }

    @Test("While the broker or Postgres is away the answer is 503 and nothing is counted; then it goes on")
    func outages() async throws {
        var options = PlatformOptions()
        options.ownsPostgres = true
        try await withOwnPlatform(options) { platform in
            let letter = try await Self.makeLetter(platform)
            let path = "/v1/admin/dlq/\(letter.id)"
            try await platform.broker.kill9()
            let response = try await platform.client.post("\(path)/redrive", json: [:])
            #expect(response.status == 503)
            #expect(response.code == "unavailable")
            #expect(response.headers["retry-after"] != nil)
            #expect(try await platform.client.get(path).json["redrives"] == 0)
            try await platform.broker.restart()
            try await eventually("a broker that takes it", timeout: .seconds(60)) {
                try await platform.client.post("\(path)/redrive", json: [:]).status == 200
            }
            #expect(try await platform.client.get(path).json["redrives"] == 1)

            try await platform.postgres.kill9()
            for (method, path) in [
                ("GET", "/v1/admin/dlq"), ("GET", path), ("POST", "\(path)/redrive"), ("DELETE", path),
            ] {
                let response = try await platform.client.request(method, path)
                #expect(response.status == 503, "\(method) \(path)")
                try APISchemas.expect(response.json, "Problem")
            }
        }
    }
}
