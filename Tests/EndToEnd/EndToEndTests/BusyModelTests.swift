import TestKit
import Testing

/// A model that takes long for many.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct BusyModelTests {
    @Test("As many model calls run at once as turns may: slow ones hold no other session up")
    func slowCalls() async throws {
        var options = PlatformOptions()
        options.worker["PARLEY_MODEL_IDLE_TIMEOUT"] = "150s"
        options.startsExecutor = false
        try await withOwnPlatform(options) { platform in
            let marker = platform.model.answer { _, _ in .hang }
            let slow = 150
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<slow {
                    group.addTask { _ = try await platform.client.post("Wait \(marker)", session: "slow-\(number)") }
                }
                try await group.waitForAll()
            }
            try await eventually("all slow calls to run", timeout: .seconds(60), interval: .milliseconds(200)) {
                platform.model.requests(marker).count == slow
            }
            let sent = try await platform.client.post("hello", session: "quick")
            #expect(try await platform.client.answer(to: sent) == "You said: hello")
        }
    }
}
