import JSON
import TestKit
import Testing

@testable import Models

struct ChatAnswerStateMachineTests {
    private let request = ModelRequest(messages: [.user("hello there")])

    private func run(_ chunks: [String]) throws -> (pieces: [String], response: ModelResponse) {
        var machine = ChatAnswerStateMachine(request: request, model: "m")
        let pieces = try chunks.compactMap { try machine.receiveChunk(Array($0.utf8)) }
        return (pieces, try machine.finish())
    }

    private func delta(_ delta: String, finish: String? = nil) -> String {
        let reason = finish.map { "\"\($0)\"" } ?? "null"
        return "{\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":\(delta),\"finish_reason\":\(reason)}]}"
    }

    private func failure(_ chunks: [String]) -> ModelError? {
        do {
            _ = try run(chunks)
            return nil
        } catch {
            return error as? ModelError
        }
    }

    @Test func assemblesText() throws {
        let (pieces, response) = try run([
            delta("{\"role\":\"assistant\",\"content\":\"\"}"), delta("{\"content\":\"Hel\"}"),
            delta("{\"content\":\"lo\"}"), delta("{}", finish: "stop"),
            "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":9}}", "[DONE]",
        ])
        #expect(pieces == ["Hel", "lo"])
        let usage = ModelUsage(inputTokens: 5, outputTokens: 2, totalTokens: 9)
        #expect(response == ModelResponse(text: "Hello", usage: usage, finishReason: .stop, model: "m-1"))
    }

    @Test func assemblesToolCallsByIndex() throws {
        func call(_ index: Int, _ rest: String) -> String { delta("{\"tool_calls\":[{\"index\":\(index),\(rest)}]}") }
        let (pieces, response) = try run([
            call(0, "\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"one\",\"arguments\":\"\"}"),
            call(1, "\"id\":\"b\",\"function\":{\"name\":\"two\",\"arguments\":\"{\\\"y\\\"\"}"),
            call(0, "\"function\":{\"arguments\":\"{\\\"x\\\":\"}"),
            call(1, "\"id\":\"b\",\"function\":{\"name\":null,\"arguments\":\":[2]}\"}"),
            call(0, "\"id\":\"\",\"function\":{\"arguments\":\"1}\"}"),
            delta("{}", finish: "tool_calls"),
        ])
        #expect(pieces.isEmpty)
        let expected = [
            ModelToolCall(id: "a", name: "one", argumentsJSON: "{\"x\":1}"),
            ModelToolCall(id: "b", name: "two", argumentsJSON: "{\"y\":[2]}"),
        ]
        #expect(response.toolCalls == expected && response.finishReason == .toolCalls)
        #expect(response.toolCalls[0].arguments == .valid(["x": 1]))
    }

    @Test func toleratesWhatProvidersDo() throws {
        let same = delta(
            "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"one\",\"arguments\":\"{}\"}},"
                + "{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"two\",\"arguments\":\"\"}}]}",
            finish: "stop"
        )
        let calls = try run([same]).response
        #expect(calls.toolCalls.map(\.name) == ["one", "two"] && calls.finishReason == .toolCalls)
        #expect(calls.toolCalls[1].arguments == .valid([:]))
        let noID = try run([delta("{\"tool_calls\":[{\"function\":{\"name\":\"one\"}}]}", finish: "tool_calls")])
        #expect(noID.response.toolCalls.map(\.id) == ["call_1_0"])
        let parts = try run([delta("{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}", finish: "eos")]).response
        #expect(parts.text == "hi" && parts.finishReason == .other)
        #expect(try run([delta("{\"content\":null,\"refusal\":\"no\"}", finish: "stop")]).response.text == "no")
        #expect(try run([delta("{\"content\":\"x\"}"), "[DONE]", "garbage"]).response.text == "x")
    }

    @Test func marksMalformedArguments() throws {
        for arguments in ["{", "[1]", "nonsense"] {
            let call = ModelToolCall(id: "a", name: "t", argumentsJSON: arguments)
            guard case .malformed(let error) = call.arguments else {
                Issue.record("\(arguments) was taken")
                continue
            }
            #expect(!error.description.contains("nonsense"))
            #expect(call.argumentsJSON == arguments)
        }
    }

    @Test func estimatesMissingUsageAndSaysSo() throws {
        let response = try run([delta("{\"content\":\"12345\"}", finish: "stop")]).response
        #expect(response.usage == ModelUsage(inputTokens: 7, outputTokens: 2, isEstimated: true))
    }

    @Test func aCutStreamIsNoAnswer() {
        #expect(failure([])?.code == .incomplete)
        #expect(failure([delta("{\"content\":\"Hel\"}")])?.code == .incomplete)
        #expect(failure([delta("{\"content\":\"Hel\"}"), delta("{}", finish: "stop")]) == nil)
    }

    @Test(arguments: [
        "", "{", "[]", "null", "{\"choices\":1}", "{\"choices\":[1]}", "{\"choices\":[{\"delta\":7}]}",
        "{\"choices\":[{\"delta\":{\"content\":7}}]}", "{\"choices\":[{\"delta\":{\"tool_calls\":[1]}}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-1}]}}]}", "{\"usage\":{\"prompt_tokens\":-1}}",
        "<html>secret</html>",
    ])
    func refusesMalformedChunks(_ chunk: String) {
        let error = failure([chunk, delta("{}", finish: "stop")])
        #expect(error?.code == .malformedResponse)
        #expect(error.map { !$0.description.contains("secret") } ?? false)
    }

    @Test func limitsToolCalls() throws {
        func calls(_ count: Int) -> [String] {
            (0..<count).map { delta("{\"tool_calls\":[{\"index\":\($0),\"function\":{\"name\":\"t\"}}]}") }
                + [delta("{}", finish: "stop")]
        }
        #expect(try run(calls(ChatAnswerStateMachine.toolCallsMax)).response.toolCalls.count == 128)
        #expect(failure(calls(ChatAnswerStateMachine.toolCallsMax + 1))?.code == .malformedResponse)
    }

    @Test func anErrorInsideTheStreamIsAnError() {
        #expect(failure(["{\"error\":{\"message\":\"overloaded\",\"code\":503}}"])?.code == .unavailable)
        #expect(failure(["{\"error\":{\"message\":\"x\",\"type\":\"rate_limit_exceeded\"}}"])?.code == .rateLimited)
        #expect(failure(["{\"error\":{\"code\":401}}"])?.code == .unauthorized)
        #expect(failure(["{\"error\":\"broken\"}"])?.code == .unavailable)
    }

    @Test func readsAWholeAnswer() throws {
        var machine = ChatAnswerStateMachine(request: request, model: "m")
        let body =
            "{\"model\":\"m-2\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"hi\",\"tool_calls\":"
            + "[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"t\",\"arguments\":\"{}\"}},"
            + "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"t\",\"arguments\":\"{}\"}}]},"
            + "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}"
        #expect(try machine.receiveWhole(Array(body.utf8)) == "hi")
        let response = try machine.finish()
        #expect(
            response.toolCalls.map(\.id) == ["a", "b"] && response.model == "m-2" && response.usage.totalTokens == 3
        )
        var empty = ChatAnswerStateMachine(request: request, model: "m")
        #expect(throws: ModelError.self) { try empty.receiveWhole(Array("{\"choices\":[]}".utf8)) }
    }

    @Test func anyChunksAreReadWithoutTrap() {
        let seed = SeededRandom.seed
        var random = SeededRandom(seed: seed)
        let good = Array(delta("{\"content\":\"Hé\",\"tool_calls\":[{\"index\":0,\"id\":\"a\"}]}", finish: "stop").utf8)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0..<Int(random.next() % 4) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            var machine = ChatAnswerStateMachine(request: request, model: "m")
            do throws(ModelError) {
                _ = try machine.receiveChunk(Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1)))))
                _ = try machine.finish()
            } catch {
                let expected: [ModelError.Code] = [.malformedResponse, .incomplete, .unavailable, .rateLimited]
                #expect(expected.contains(error.code), "seed \(seed)")
            }
        }
    }
}
