import Testing

@testable import Models

struct ModelRetryPolicyTests {
    private let policy = ModelRetryPolicy()

    private func error(_ code: ModelError.Code, retryAfter: Duration? = nil) -> ModelError {
        ModelError(code: code, message: "", retryAfter: retryAfter)
    }

    @Test func repeatsWhatMayPass() {
        let repeated: Set<ModelError.Code> = [.connectFailed, .rateLimited, .unavailable, .incomplete]
        for code in ModelError.Code.allCases {
            let delay = policy.delay(after: error(code), retry: 0, random: 0.5, remaining: nil)
            #expect((delay != nil) == repeated.contains(code), "\(code)")
        }
    }

    @Test func backsOffWithFullJitterUpToALimit() {
        func delay(_ retry: Int, _ random: Double) -> Duration? {
            var policy = policy
            policy.retriesMax = 100
            return policy.delay(after: error(.unavailable), retry: retry, random: random, remaining: nil)
        }
        #expect(delay(0, 0) == .zero)
        #expect(delay(0, 0.5) == .milliseconds(250))
        #expect(delay(1, 0.5) == .milliseconds(500))
        #expect(delay(2, 1) == .seconds(2))
        #expect(delay(90, 1) == .seconds(20))
    }

    @Test func endsAfterThreeRetries() {
        #expect(policy.delay(after: error(.unavailable), retry: 2, random: 0, remaining: nil) != nil)
        #expect(policy.delay(after: error(.unavailable), retry: 3, random: 0, remaining: nil) == nil)
    }

    @Test func honoursRetryAfter() {
        func delay(_ seconds: Int, random: Double = 0) -> Duration? {
            policy.delay(
                after: error(.rateLimited, retryAfter: .seconds(seconds)),
                retry: 0,
                random: random,
                remaining: nil
            )
        }
        #expect(delay(7) == .seconds(7))
        #expect(delay(0, random: 1) == .milliseconds(500))
        #expect(delay(60) == .seconds(60))
        #expect(delay(61) == nil)
    }

    @Test func staysWithinTheDeadline() {
        let limited = error(.rateLimited, retryAfter: .seconds(5))
        #expect(policy.delay(after: limited, retry: 0, random: 0, remaining: .seconds(6)) == .seconds(5))
        #expect(policy.delay(after: limited, retry: 0, random: 0, remaining: .seconds(5)) == nil)
        #expect(policy.delay(after: error(.unavailable), retry: 0, random: 0, remaining: .seconds(-1)) == nil)
    }

    @Test func mapsStatusesToCodes() {
        func code(_ status: Int, _ body: String = "") -> ModelError.Code {
            ChatErrorBody(body: Array(body.utf8)).modelError(status: status, retryAfter: nil).code
        }
        #expect(code(401) == .unauthorized && code(403) == .unauthorized && code(404) == .invalidRequest)
        #expect(code(429) == .rateLimited && code(408) == .unavailable && code(500) == .unavailable)
        #expect(code(529) == .unavailable && code(302) == .configuration && code(400) == .invalidRequest)
        let long = "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"s3cr3t\"}}"
        #expect(code(400, long) == .contextTooLong)
        let error = ChatErrorBody(body: Array(long.utf8)).modelError(status: 400, retryAfter: nil)
        #expect(error.providerDetail == "s3cr3t" && !error.description.contains("s3cr3t"))
    }
}
