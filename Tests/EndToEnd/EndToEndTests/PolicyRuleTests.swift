import Foundation
import JSON
import TestKit
import Testing

/// What the policies deny does not happen, and whoever asked is told why.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct PolicyRuleTests {
    private func failure(_ platform: Platform, _ text: String, persona: String) async throws -> JSONValue {
        let sent = try await platform.client.post(text, session: unique("policy"), persona: persona)
        return try await platform.client.finishedTurn(sent.eventID)
    }

    /// What the policies said in a turn: the action, the model that it was asked for, and the answer.
    private func decisions(_ turn: JSONValue) -> [String] {
        (turn["steps"]?.arrayValue ?? []).filter { $0["kind"] == "policy" }.map { step in
            let model = step["request"]?["model"]?.stringValue ?? "none"
            return "\(step["name"]?.stringValue ?? "") \(model) \(step["response"]?["allow"] == true)"
        }
    }

    @Test("A model that is denied is not called, as the first or as the fallback")
    func models() async throws {
        let second = try ScriptedModelServer(.instant("from the fallback"))
        defer { second.stop() }
        var options = PlatformOptions()
        options.worker = ["PARLEY_MODEL_FALLBACK_BASE_URL": second.baseURL, "PARLEY_MODEL_FALLBACK_NAME": "second"]
        _ = try options.setPolicies(
            personas: ["silent": ["denied_models": ["script*"]], "loyal": ["denied_models": ["second"]]]
        )
        try await withOwnPlatform(options) { platform in
            let marker = platform.model.answer { _, _ in .error(401) }
            let silent = try await failure(platform, "Say \(marker)", persona: "silent")
            #expect(silent["status"] == "failed")
            #expect(silent["error"]?["code"] == "policy_denied")
            let reason = silent["error"]?["message"]?.stringValue ?? ""
            #expect(reason.contains("this model call: the model is denied for this tenant or persona"), "\(reason)")
            #expect(decisions(silent) == ["turn.run scripted true", "model.call scripted false"])
            #expect(platform.model.requests(marker).isEmpty)
            #expect(second.requestCount == 0)

            let loyal = try await failure(platform, "Say \(marker)", persona: "loyal")
            #expect(loyal["error"]?["code"] == "model_unauthorized")
            let both = loyal["error"]?["message"]?.stringValue ?? ""
            #expect(both.contains("the model is denied for this tenant or persona"), "\(both)")
            #expect(
                decisions(loyal) == ["turn.run scripted true", "model.call scripted true", "model.call second false"]
            )
            #expect(platform.model.requests(marker).count == 1)
            #expect(second.requestCount == 0)

            let sent = try await platform.client.post("Say \(marker)", session: unique("policy"))
            #expect(try await platform.client.answer(to: sent) == "from the fallback")
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(
                decisions(turn) == ["turn.run scripted true", "model.call scripted true", "model.call second true"]
            )
        }
    }

    @Test("Rules see a tool's arguments; a tool that needs an approval, which nobody can give yet, is not run")
    func tools() async throws {
        let rules = """
            package parley.authz
            deny contains "this is not said here" if {
                action == "tool.execute"
                object.get(resource, ["args", "message"], "") == "forbidden"
            }
            """
        var options = PlatformOptions()
        _ = try options.setPolicies(personas: ["watched": ["approval_tools": ["echo"]]], rules: rules)
        try await withOwnPlatform(options) { platform in
            func run(_ message: String, persona: String? = nil) async throws -> JSONValue {
                var call: JSONObject = ["tool_name": "echo", "args": ["message": .string(message)]]
                if let persona { call.set("persona_id", .string(persona)) }
                return try await platform.client.post("/v1/tool/request?wait=30", json: .object(call)).json
            }
            #expect(try await run("fine")["status"] == "success")
            let forbidden = try await run("forbidden")
            #expect(forbidden["status"] == "denied")
            #expect(forbidden["error"]?.stringValue?.contains("this is not said here") == true)
            let watched = try await run("fine", persona: "watched")
            #expect(watched["status"] == "denied")
            let reason = watched["error"]?.stringValue ?? ""
            #expect(reason.contains("only along with what cannot be done here: approval"), "\(reason)")
        }
    }

    @Test("Policies that change count without a restart; those that make no sense do not, and /health says so")
    func changes() async throws {
        var options = PlatformOptions()
        // A change is not to be mistaken for an answer that was forgotten.
        options.environment["PARLEY_POLICY_CACHE"] = "60s"
        options.environment["PARLEY_POLICY_RELOAD"] = "100ms"
        let folder = try options.setPolicies(personas: [:])
        try await withOwnPlatform(options) { platform in
            let patience = Duration.seconds(60)
            let worker = platform.client.onPort(platform.worker.port)
            func status() async throws -> String? {
                let turn = try await failure(platform, "hello", persona: "p")
                return turn["status"]?.stringValue
            }
            func write(_ name: String, _ text: String) throws {
                try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
            #expect(try await status() == "completed")
            try write("own.rego", "package parley.authz\ndeny contains \"closed\" if action == \"turn.run\"")
            try await eventually("the new rule", timeout: patience) { try await status() == "failed" }
            try write("own.rego", "package parley.authz\ndeny contains")
            try await eventually("the complaint", timeout: patience) {
                try await worker.get("/health").json["components"]?["policy"]?["status"] == "degraded"
            }
            #expect(try await worker.get("/readyz").status == 200)
            #expect(try await status() == "failed", "the old rules stay in force")
            try write("own.rego", "package parley.authz")
            try await eventually("no rule", timeout: patience) { try await status() == "completed" }
            try await eventually("no complaint", timeout: patience) {
                try await worker.get("/health").json["components"]?["policy"]?["status"] == "ok"
            }
        }
    }
}
