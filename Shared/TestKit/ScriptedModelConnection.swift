import Foundation
import JSON

/// One connection of a scripted model: HTTP/1.1 with keep-alive, as much of it as clients of such endpoints use.
final class ScriptedModelConnection {
    private struct Head {
        var method: String
        var path: String
        var headers: [String: String]
    }

    private let descriptor: Int32
    private var input: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    private static let headBytesMax = 65_536
    /// `POLLRDHUP` of poll(2), which Glibc declares only for GNU sources.
    private static let peerClosed: Int16 = 0x2000
    private let noSignal = Int32(truncatingIfNeeded: MSG_NOSIGNAL)

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Serves requests until the connection ends or the server is gone.
    func serve(_ server: () -> ScriptedModelServer?) {
        while let head = readHead() {
            guard let server = server() else { return }
            let isLast = head.headers["connection"]?.lowercased() == "close"
            guard let length = Int(head.headers["content-length"] ?? (head.method == "GET" ? "0" : "")) else {
                send(Self.error(411, "a request needs a Content-Length"))
                return
            }
            guard length >= 0, length <= server.bodyBytesMax else {
                send(Self.error(413, "the body is too long"))
                return
            }
            guard let body = readBody(length), answer(head, body, server), !isLast else { return }
        }
    }

    private func answer(_ head: Head, _ body: [UInt8], _ server: ScriptedModelServer) -> Bool {
        switch (head.method, head.path) {
        case ("POST", let path) where path.hasSuffix("/chat/completions"):
            guard let value = try? JSONValue.parse(body) else { return send(Self.error(400, "the body is not JSON")) }
            return perform(server.steps(headers: head.headers, body: value), server)
        case ("GET", let path) where path.hasSuffix("/models"):
            let list: JSONValue = ["object": "list", "data": [["id": "scripted", "object": "model"]]]
            return send(ScriptedModelEncoder.response(200, body: list.serialized()))
        default:
            return send(Self.error(404, "no such call"))
        }
    }

    private func perform(_ steps: [ScriptedModelEncoder.Step], _ server: ScriptedModelServer) -> Bool {
        for step in steps {
            switch step {
            case .send(let bytes):
                guard send(bytes) else {
                    server.noteHangUp()
                    return false
                }
            case .wait(let duration):
                guard wait(duration) else {
                    server.noteHangUp()
                    return false
                }
            case .cut:
                return false
            case .hang:
                _ = wait(nil)
                server.noteHangUp()
                return false
            }
        }
        return true
    }

    private static func error(_ status: Int, _ message: String) -> [UInt8] {
        let body: JSONValue = ["error": ["message": .string(message), "type": "invalid_request_error"]]
        return ScriptedModelEncoder.response(status, body: body.serialized())
    }

    // MARK: The socket

    private func readHead() -> Head? {
        var searched = 0
        while true {
            if let end = Self.endOfHead(input, from: searched) {
                let head = Self.parse(input[..<end])
                input.removeFirst(end + 4)
                return head
            }
            searched = max(0, input.count - 3)
            guard input.count <= Self.headBytesMax, receive() else { return nil }
        }
    }

    private func readBody(_ length: Int) -> [UInt8]? {
        while input.count < length {
            guard receive() else { return nil }
        }
        let body = Array(input[..<length])
        input.removeFirst(length)
        return body
    }

    private static func endOfHead(_ bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= start + 4 else { return nil }
        return (start...bytes.count - 4).first {
            bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10
        }
    }

    private static func parse(_ bytes: ArraySlice<UInt8>) -> Head? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        let request = (lines.first ?? "").split(separator: " ")
        guard request.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces
            )
        }
        return Head(method: String(request[0]), path: String(request[1]), headers: headers)
    }

    private func receive() -> Bool {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        input.append(contentsOf: buffer[..<count])
        return true
    }

    @discardableResult
    private func send(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { all in
            var rest = all[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                let count = Glibc.send(descriptor, part.baseAddress, part.count, noSignal)
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    /// Waits so long, or for ever; false if the client hung up meanwhile.
    private func wait(_ duration: Duration?) -> Bool {
        let start = ContinuousClock.now
        while true {
            var milliseconds: Int32 = -1
            if let duration {
                let left = duration - start.duration(to: .now)
                guard left > .zero else { return true }
                milliseconds = Int32(clamping: left.components.seconds * 1000)
                milliseconds += Int32(left.components.attoseconds / 1_000_000_000_000_000)
                if milliseconds == 0 {
                    // Below the resolution of poll; too short to miss that somebody hangs up.
                    usleep(UInt32(left.components.attoseconds / 1_000_000_000_000))
                    return true
                }
            }
            var watched = pollfd(fd: descriptor, events: Self.peerClosed, revents: 0)
            if poll(&watched, 1, milliseconds) > 0 { return false }
        }
    }
}
