import JSON
import Testing

@testable import Models

struct ModelValueTests {
    private let call = ModelToolCall(id: "a", name: "calculator", argumentsJSON: "{\"expression\": \"2 + 2\"}")

    @Test func requestsAndResponsesSurviveTheJournal() throws {
        let broken = ModelToolCall(id: "b", name: "t", argumentsJSON: "{not JSON")
        let request = ModelRequest(
            model: "m",
            messages: [
                .system("Be brief."), .user("2 + 2?"), .assistant("", toolCalls: [call, broken]),
                .tool("{\"result\":4}", answering: call), ModelMessage(role: .user, content: "é\n\u{0}", name: "Ada"),
            ],
            tools: [ModelTool(name: "calculator", description: "adds", parameters: ["type": "object"])],
            parameters: ModelParameters(temperature: 0.5, maxOutputTokens: 10, extra: ["seed": 7]),
            idempotencyKey: "turn-1"
        )
        let restored = try ModelRequest(json: try JSONValue.parse(request.json.serialized()))
        #expect(restored == request)
        let bare = ModelRequest(messages: [])
        #expect(try ModelRequest(json: bare.json) == bare)
        let response = ModelResponse(
            text: "4",
            toolCalls: [call, broken],
            usage: ModelUsage(inputTokens: 1, outputTokens: 2, totalTokens: 5, isEstimated: true),
            finishReason: .toolCalls,
            model: "m-1"
        )
        #expect(try ModelResponse(json: try JSONValue.parse(response.json.serialized())) == response)
    }

    @Test func aBadJournalIsRefusedWithItsPlace() {
        let json: JSONValue = ["messages": [["role": "user", "content": "x"], ["role": "robot", "content": "x"]]]
        do throws(JSONError) {
            _ = try ModelRequest(json: json)
            Issue.record("was taken")
        } catch {
            #expect(error.code == .outOfRange && error.path == "/messages/1/role")
        }
        #expect(throws: JSONError.self) { try ModelResponse(json: ["text": "x"]) }
    }

    @Test func encodesForChatCompletions() throws {
        var profile = ModelProfile(name: "p", provider: .openai, model: "m")
        profile.maxTokensMember = "max_completion_tokens"
        profile.parameters = ModelParameters(temperature: 1, extra: ["seed": 1, "model": "other", "stream": false])
        let broken = ModelToolCall(id: "b", name: "t", argumentsJSON: "{not JSON")
        let request = ModelRequest(
            messages: [.user("q"), .assistant("", toolCalls: [call, broken]), .tool("4", answering: call)],
            tools: [ModelTool(name: "calculator", description: "adds", parameters: ["type": "object"])],
            parameters: ModelParameters(maxOutputTokens: 9, extra: ["seed": 2])
        )
        let body = try JSONValue.parse(ChatRequestEncoder(profile: profile).encode(request))
        let function: JSONValue = ["name": "calculator", "arguments": "{\"expression\": \"2 + 2\"}"]
        let expected: JSONValue = [
            "model": "m",
            "messages": [
                ["role": "user", "content": "q"],
                [
                    "role": "assistant", "content": nil,
                    "tool_calls": [
                        ["id": "a", "type": "function", "function": function],
                        ["id": "b", "type": "function", "function": ["name": "t", "arguments": "{}"]],
                    ],
                ],
                ["role": "tool", "content": "4", "tool_call_id": "a"],
            ],
            "tools": [
                [
                    "type": "function",
                    "function": ["name": "calculator", "description": "adds", "parameters": ["type": "object"]],
                ]
            ],
            "temperature": 1, "max_completion_tokens": 9, "seed": 2, "stream": true,
            "stream_options": ["include_usage": true],
        ]
        #expect(body == expected)
    }

    @Test func estimatesTokens() {
        #expect(TokenEstimator.tokens(in: "") == 0)
        #expect(TokenEstimator.tokens(in: "abcd") == 1)
        #expect(TokenEstimator.tokens(in: "abcde") == 2)
        #expect(TokenEstimator.tokens(in: .user("abcd")) == 5)
        let tool = ModelTool(name: "ab", description: "cd", parameters: [:])
        #expect(TokenEstimator.inputTokens(of: ModelRequest(messages: [.user("abcd")], tools: [tool])) == 7)
    }

    @Test func nothingPrintsSecrets() {
        var profile = ModelProfile(name: "p", provider: .openai, model: "m", apiKey: ModelAPIKey("s3cr3t"))
        profile.baseURL = "http://h"
        var dumped = ""
        dump(profile, to: &dumped)
        #expect(!dumped.contains("s3cr3t") && !"\(profile)\(String(reflecting: profile))".contains("s3cr3t"))
        let error = ModelError(code: .invalidRequest, message: "no", status: 400, providerDetail: "s3cr3t")
        dumped = ""
        dump(error, to: &dumped)
        #expect(!(dumped + "\(error)" + String(reflecting: error)).contains("s3cr3t"))
        let long = ModelError(code: .invalidRequest, message: "", providerDetail: String(repeating: "é", count: 400))
        #expect(long.providerDetail?.utf8.count ?? 0 <= ModelError.providerDetailBytesMax + 3)
    }

    @Test func readsTheEnvironment() throws {
        #expect(try ModelProfile(environment: [:]) == .builtIn)
        #expect(try ModelProfile(environment: ["PARLEY_MODEL_BASE_URL": ""]) == .builtIn)
        #expect(throws: ModelError.self) { try ModelProfile(environment: ["PARLEY_MODEL_BASE_URL": "http://h/v1"]) }
        let profile = try ModelProfile(environment: [
            "PARLEY_MODEL_BASE_URL": "http://h/v1", "PARLEY_MODEL_NAME": "m", "PARLEY_MODEL_API_KEY": "k",
        ])
        #expect(profile.provider == .openai && profile.baseURL == "http://h/v1" && profile.model == "m")
        #expect(profile.apiKey?.reveal() == "k")
    }

    @Test func pricesACall() {
        let price = ModelPrice(perMillionInputTokens: 2, perMillionOutputTokens: 8)
        #expect(price.cost(of: ModelUsage(inputTokens: 500_000, outputTokens: 250_000)) == 3)
    }
}
