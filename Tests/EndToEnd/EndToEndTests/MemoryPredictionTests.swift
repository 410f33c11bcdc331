import JSON
import TestKit
import Testing

/// What sessions predict from what their nodes learned, over HTTP.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct MemoryPredictionTests {
    @Test("What was learned is predicted, the same by every gateway")
    func predictions() async throws {
        try await withPlatform { platform in
            let other = try platform.addService("parley-gateway")
            try await other.start()
            let clients = [platform.memory, MemoryClient(platform.client.onPort(other.port))]
            let node = unique("node")
            let session = try await clients[0].begin(node)
            for word in ["wake", "coffee", "work"] { try await clients[0].observe(session, [word]) }
            let name = try await clients[0].learn(session)
            for round in 0..<6 {
                // Learned at one gateway, predicted at the other: each must have seen the newest frequency.
                let teacher = clients[round % 2]
                let pupil = clients[(round + 1) % 2]
                try await teacher.observe(session, ["wake"])
                try await teacher.observe(session, ["coffee"])
                let prediction = try #require(try await pupil.predictions(session).first)
                #expect(prediction["future"] == [["work"]])
                #expect(prediction["name"]?.stringValue == String(name.dropFirst(5)))
                #expect(prediction["frequency"]?.intValue == round + 1)
                #expect(try await teacher.predictions(session) == pupil.predictions(session))
                try await teacher.observe(session, ["work"])
                #expect(try await teacher.learn(session) == name)
            }
            #expect(try await clients[1].post("/sessions/\(session)/clear-all").json["scope"]?.stringValue == "all")
            try await clients[0].observe(session, ["wake"])
            for memory in clients { #expect(try await memory.predictions(session).isEmpty) }
            #expect(try await clients[0].pattern(name, node) == nil)
            _ = try await other.terminate()
        }
    }

    @Test("Vectors: the nearest that the node has learned join an event as symbols")
    func vectors() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let session = try await memory.begin(unique("node"))
            for x in 0..<4 { try await memory.observe(session, ["vectors": [[.double(Double(x)), 0.0]]]) }
            let events = try await memory.memory(session)
            #expect(events.map(\.count) == [1, 2, 3, 4])
            #expect(events.joined().allSatisfy { $0.hasPrefix("VCTR|") })
            #expect(events.allSatisfy { $0 == $0.sorted() })
            try await memory.observe(session, ["strings": ["near"], "vectors": [[1.0, 0.0], [1.9, 0.0]]])
            let last = try #require(try await memory.memory(session).last)
            #expect(last.count == 5 && last.last == "near")
            let name = try await memory.learn(session)
            let other = try await memory.begin(unique("node"))
            try await memory.observe(other, ["vectors": [[0.0, 0.0]]])
            #expect(try await memory.memory(other) == [[events[0][0]]], "the same vector has the same symbol anywhere")
            #expect(name.hasPrefix("PTRN|"))
        }
    }
}
