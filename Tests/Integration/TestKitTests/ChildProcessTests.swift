import Foundation
import TestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChildProcessTests {
    private func shell(_ script: String, _ configuration: ChildProcess.Configuration = .init()) throws -> ChildProcess {
        try ChildProcess.launch("/bin/sh", ["-c", script], configuration)
    }

    @Test func tellsHowAProcessEnded() async throws {
        #expect(try await shell("exit 3").wait() == .exited(3))
        #expect(try await shell("kill -15 $$").wait() == .signaled(15))
    }

    @Test func givesEnvironmentFolderAndOutput() async throws {
        var configuration = ChildProcess.Configuration()
        configuration.environment = ["ONLY": "this one"]
        configuration.workingDirectory = "/usr"
        let result = try await ChildProcess.run(
            "/bin/sh",
            ["-c", "echo $ONLY $HOME; pwd; echo bad >&2"],
            configuration
        )
        #expect(result.exit == .exited(0))
        #expect(result.standardOutput == "this one\n/usr\n")
        #expect(result.standardError == "bad\n")
    }

    @Test func childrenInheritNoOpenFiles() async throws {
        let path = TemporaryFolder.shared.uniquePath("open")
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(descriptor > 2)
        defer { close(descriptor) }
        let result = try await ChildProcess.run("/bin/sh", ["-c", "ls -l /proc/$$/fd"])
        #expect(result.exit == .exited(0) && result.standardOutput.contains("/dev/null"))
        #expect(!result.standardOutput.contains(path))
    }

    @Test func terminatesAndThenKills() async throws {
        let polite = try shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done")
        try await eventually { polite.log().contains("up") }
        #expect(try await polite.terminate() == .exited(7))
        let stubborn = try shell("trap '' TERM; echo up; while :; do sleep 0.01; done")
        try await eventually { stubborn.log().contains("up") }
        #expect(try await stubborn.terminate(deadline: .milliseconds(100)) == .signaled(SIGKILL))
        #expect(!stubborn.isRunning)
        stubborn.signal(SIGTERM)
    }

    @Test func requiresThatAProcessEndsInOrder() async throws {
        let good = try shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done")
        try await eventually { good.log().contains("up") }
        try await good.terminateInOrder()
        for (action, words) in [("exit 1", "exited(1)"), ("kill -9 $$", "signaled(9)"), ("", "was killed")] {
            let bad = try shell("trap '\(action)' TERM; echo up; while :; do sleep 0.01; done")
            try await eventually { bad.log().contains("up") }
            let error = await #expect(throws: TestKitError.self) {
                try await bad.terminateInOrder(deadline: words == "was killed" ? .milliseconds(100) : .seconds(25))
            }
            #expect(error?.code == .badExit)
            #expect(error?.message.contains(words) == true && error?.message.hasPrefix("sh (\(bad.pid))") == true)
            #expect(!bad.isRunning)
        }
    }

    @Test func saysWhatIsMissing() {
        #expect(throws: TestKitError.self) { try ChildProcess.launch("/nowhere/program") }
        #expect(throws: TestKitError.self) { try BuiltProducts.path("no-such-product") }
    }

    @Test func waitingIsBounded() async throws {
        let process = try shell("sleep 30")
        await #expect(throws: TestKitError.self) { try await process.wait(timeout: .milliseconds(50)) }
        try await process.kill9()
        await #expect(throws: TestKitError.self) {
            try await eventually(timeout: .milliseconds(30)) { false }
        }
    }

    /// A child whose own parent is killed must go with it: here a shell stands for a test process that crashes.
    @Test func aDeathSignalReachesTheChildOfAKilledParent() async throws {
        let script = "setpriv --pdeathsig KILL -- sleep 30 & echo child $!; wait"
        let parent = try shell(script)
        let child = try await eventuallyValue {
            parent.log().split(separator: "\n").first.flatMap { pid_t($0.dropFirst("child ".count)) }
        }
        try await eventually { (try? String(contentsOfFile: "/proc/\(child)/comm", encoding: .utf8)) == "sleep\n" }
        try await parent.kill9()
        try await eventually("the child's end") {
            let stat = try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)
            return stat == nil || stat?.contains(") Z ") == true
        }
    }

    @Test func portsAreFreeAndBelowTheKernelsOwn() throws {
        let port = try freePort()
        #expect(port < 32_768)
        #expect(!LoopbackPort.isListening(port))
    }

    @Test func aPortIsGivenOnce() throws {
        // Nothing listens on them, so only who remembers them does not give some of so many twice.
        let ports = try (0..<1000).map { _ in try freePort() }
        #expect(Set(ports).count == ports.count)
    }
}
