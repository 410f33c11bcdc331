import JSON

/// Writes a scripted reply as the HTTP messages that an OpenAI-compatible endpoint would send.
struct ScriptedModelEncoder {
    /// What to do on the connection, in order.
    enum Step: Equatable {
        case send([UInt8])
        case wait(Duration)
        /// Close the connection now.
        case cut
        /// Wait until the client hangs up.
        case hang
    }

    let request: ScriptedModelRequest
    let reply: ScriptedModelReply

    private var id: String { "chatcmpl-\(request.number)" }
    private var finishReason: String { reply.finishReason ?? (reply.toolCalls.isEmpty ? "stop" : "tool_calls") }

    /// Everything that happens on the connection.
    func steps() -> [Step] {
        let steps: [Step]
        switch reply.kind {
        case .raw(let bytes): steps = [.send(bytes), .cut]
        case .hang: steps = [.hang]
        case .error(let status, let body, let retryAfter):
            let wait = retryAfter.map { "Retry-After: \($0)\r\n" } ?? ""
            steps = [.send(Self.response(status, headers: wait, body: Array(body.utf8)))]
        case .answer:
            steps = request.isStreaming ? streamSteps() : [.send(Self.response(200, body: whole().serialized()))]
        }
        return reply.firstByteDelay > .zero ? [.wait(reply.firstByteDelay)] + steps : steps
    }

    /// A complete response with a JSON body.
    static func response(_ status: Int, headers: String = "", body: [UInt8]) -> [UInt8] {
        let head =
            "HTTP/1.1 \(status) Scripted\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n"
            + headers + "\r\n"
        return Array(head.utf8) + body
    }

    // MARK: In one piece

    private func whole() -> JSONValue {
        let text = reply.pieces.joined()
        var message: JSONObject = ["role": "assistant", "content": .string(text)]
        if !reply.toolCalls.isEmpty {
            message["content"] = text.isEmpty ? .null : .string(text)
            message["tool_calls"] = .array(reply.toolCalls.indices.map { .object(toolCall($0)) })
        }
        var answer: JSONObject = [
            "id": .string(id), "object": "chat.completion", "created": 0, "model": .string(request.model),
            "choices": [["index": 0, "message": .object(message), "finish_reason": .string(finishReason)]],
        ]
        if !reply.omitsUsage {
            answer["usage"] = usage()
        }
        return .object(answer)
    }

    private func toolCall(_ position: Int) -> JSONObject {
        let call = reply.toolCalls[position]
        return [
            "id": .string(call.id ?? "call_\(request.number)_\(position)"), "type": "function",
            "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
        ]
    }

    private func usage() -> JSONValue {
        let words = request.messages.reduce(0) { $0 + ($1["content"]?.stringValue?.utf8.count ?? 0) / 4 + 1 }
        let (input, output) = reply.usage ?? (words, max(1, reply.pieces.count))
        return ["prompt_tokens": .int(input), "completion_tokens": .int(output), "total_tokens": .int(input + output)]
    }

    // MARK: As a stream

    private static let streamHead = Array(
        ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n").utf8
    )

    private func streamSteps() -> [Step] {
        var steps: [Step] = []
        var pending = Self.streamHead
        append(event: chunk(delta: ["role": "assistant", "content": ""]), to: &pending)
        for (position, piece) in reply.pieces.enumerated() {
            if strike(at: position, &pending, &steps) { return steps }
            if reply.pieceDelay > .zero {
                steps += [.send(pending), .wait(reply.pieceDelay)]
                pending = []
            }
            append(event: chunk(delta: ["content": .string(piece)]), to: &pending)
        }
        if strike(at: reply.pieces.count, &pending, &steps) { return steps }
        appendEnd(to: &pending)
        return steps + [.send(pending)]
    }

    /// Lets the fault happen if this is its place; true if nothing follows it.
    private func strike(at position: Int, _ pending: inout [UInt8], _ steps: inout [Step]) -> Bool {
        switch reply.fault {
        case .cut(let place) where place == position:
            steps += [.send(pending), .cut]
            return true
        case .hang(let place) where place == position:
            steps += [.send(pending), .hang]
            return true
        case .noEnd(let place) where place == position:
            steps.append(.send(pending + Array("0\r\n\r\n".utf8)))
            return true
        case .malformedChunk(let place) where place == position:
            append(event: Array("{\"choices\":[{\"delta\":".utf8), to: &pending)
            return false
        default:
            return false
        }
    }

    private func appendEnd(to pending: inout [UInt8]) {
        for position in reply.toolCalls.indices {
            // As providers do: first the name, then the arguments in halves.
            var first = toolCall(position)
            first["index"] = .int(position)
            first["function"] = ["name": .string(reply.toolCalls[position].name), "arguments": ""]
            append(event: chunk(delta: ["tool_calls": [.object(first)]]), to: &pending)
            let arguments = reply.toolCalls[position].arguments
            let middle = arguments.index(arguments.startIndex, offsetBy: arguments.count / 2)
            for half in [arguments[..<middle], arguments[middle...]] where !half.isEmpty {
                let rest: JSONValue = ["index": .int(position), "function": ["arguments": .string(String(half))]]
                append(event: chunk(delta: ["tool_calls": [rest]]), to: &pending)
            }
        }
        append(event: chunk(delta: [:], finishReason: .string(finishReason)), to: &pending)
        if request.includesUsage, !reply.omitsUsage {
            var last = envelope()
            last["choices"] = []
            last["usage"] = usage()
            append(event: JSONValue.object(last).serialized(), to: &pending)
        }
        append(event: Array("[DONE]".utf8), to: &pending)
        pending += Array("0\r\n\r\n".utf8)
    }

    private func envelope() -> JSONObject {
        [
            "id": .string(id), "object": "chat.completion.chunk", "created": 0, "model": .string(request.model),
        ]
    }

    private func chunk(delta: JSONValue, finishReason: JSONValue = .null) -> [UInt8] {
        var object = envelope()
        object["choices"] = [["index": 0, "delta": delta, "finish_reason": finishReason]]
        return JSONValue.object(object).serialized()
    }

    private func append(event data: [UInt8], to bytes: inout [UInt8]) {
        bytes += Array("\(String(data.count + 8, radix: 16))\r\ndata: ".utf8)
        bytes += data
        bytes += Array("\n\n\r\n".utf8)
    }
}
