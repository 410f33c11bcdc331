import JSON
import Synchronization
import Testing

@testable import Models

struct LocalPlannerProviderTests {
    private static let tools = ["calculator", "timestamp", "echo"].map {
        ModelTool(name: $0, description: "", parameters: [:])
    }
    private let planner = LocalPlannerProvider()

    private func answer(
        _ messages: [ModelMessage],
        tools: [ModelTool] = LocalPlannerProviderTests.tools
    ) async throws -> ModelResponse {
        try await planner.complete(ModelRequest(messages: messages, tools: tools))
    }

    private func reply(to result: String, of tool: String, _ arguments: JSONObject) async throws -> String {
        let call = ModelToolCall(id: "call_1", name: tool, arguments: arguments)
        return try await answer([.user("…"), .assistant("", toolCalls: [call]), .tool(result, answering: call)]).text
    }

    @Test func callsTheCalculatorAndTellsItsResult() async throws {
        let first = try await answer([.user("Calculate 2 + 2")])
        #expect(first.text.isEmpty && first.finishReason == .toolCalls)
        let call = try #require(first.toolCalls.first)
        #expect(call.name == "calculator" && call.arguments == .valid(["expression": "2 + 2"]))
        let second = try await answer([
            .user("Calculate 2 + 2"), .assistant("", toolCalls: [call]),
            .tool("{\"expression\":\"2 + 2\",\"result\":4}", answering: call),
        ])
        #expect(second.text == "2 + 2 = 4." && second.toolCalls.isEmpty && second.finishReason == .stop)
    }

    @Test func tellsWhatToolsAnswer() async throws {
        #expect(try await reply(to: "4", of: "calculator", ["expression": "2+2"]) == "2+2 = 4.")
        let time = "{\"timestamp\":\"2026-01-02T03:04:05.000Z\",\"unix\":1,\"timezone\":\"UTC\"}"
        #expect(try await reply(to: time, of: "timestamp", [:]) == "It is 2026-01-02T03:04:05.000Z (UTC).")
        #expect(try await reply(to: "{\"message\":\"hi\"}", of: "echo", ["message": "hi"]) == "hi")
        let whole = "{\"status\":\"success\",\"payload\":{\"message\":\"hi\"},\"error\":null}"
        #expect(try await reply(to: whole, of: "echo", [:]) == "hi")
        #expect(try await reply(to: "not JSON", of: "echo", [:]) == "not JSON")
        #expect(try await reply(to: "", of: "echo", [:]) == "The tool \"echo\" answered with nothing.")
        #expect(try await reply(to: "[1,2]", of: "weather", [:]) == "The tool \"weather\" answered: [1,2]")
    }

    @Test(arguments: [
        "{\"error\":\"division by zero\"}", "{\"status\":\"error\",\"error\":\"division by zero\",\"payload\":{}}",
        "{\"error\":{\"code\":\"failed\",\"message\":\"division by zero\"}}",
    ])
    func tellsErrorsHonestly(_ result: String) async throws {
        let text = try await reply(to: result, of: "calculator", ["expression": "1 / 0"])
        #expect(text == "The tool \"calculator\" did not succeed: division by zero")
    }

    @Test func tellsATimeout() async throws {
        let text = try await reply(to: "{\"status\":\"timeout\",\"payload\":{}}", of: "calculator", [:])
        #expect(text == "The tool \"calculator\" did not succeed: timeout")
    }

    @Test func saysWhatItIsForEverythingElse() async throws {
        let conversations: [[ModelMessage]] = [
            [], [.user("I have 2 cats and 3 dogs")], [.system("You are a pirate.")], [.assistant("x")],
        ]
        for messages in conversations {
            let response = try await answer(messages)
            #expect(response.text.contains("Parley's built-in planner, not a language model"))
            #expect(response.text.contains("PARLEY_MODEL_BASE_URL"))
            #expect(response.text.contains("Calculate 2 + 2") && response.toolCalls.isEmpty)
        }
        let bare = try await answer([.user("hello")], tools: [])
        #expect(!bare.text.contains("Calculate") && bare.text.contains("none that I know"))
    }

    @Test func saysWhenTheToolIsMissing() async throws {
        let response = try await answer([.user("2 + 2")], tools: [])
        #expect(response.toolCalls.isEmpty && response.text.contains("\"calculator\""))
    }

    @Test func streamsWordsThatTogetherAreTheText() async throws {
        let pieces = Mutex<[String]>([])
        let request = ModelRequest(messages: [.user("who are you?")], tools: Self.tools)
        let response = try await planner.complete(request) { piece in pieces.withLock { $0.append(piece) } }
        let seen = pieces.withLock { $0 }
        #expect(seen.count > 10 && seen.joined() == response.text && !seen.contains(""))
        #expect(try await planner.complete(request) == response)
        #expect(response.usage.isEstimated && response.usage.inputTokens > 0 && response.usage.outputTokens > 0)
    }

    @Test func stopsWhenCancelled() async {
        let request = ModelRequest(messages: [.user("who are you?")])
        let task = Task { [planner] in
            do throws(ModelError) {
                _ = try await planner.complete(request) { _ in withUnsafeCurrentTask { $0?.cancel() } }
                return ModelError.Code?.none
            } catch {
                return error.code
            }
        }
        #expect(await task.value == .cancelled)
    }
}
