import TestKit

/// A model that fails, refuses, hangs or breaks off.
enum ModelScenarios {
    /// All of the family.
    static let all: [Scenario] =
        outages(breakerOpen: nil) + outages(breakerOpen: .seconds(2)) + [
            outage(
                "too_many",
                "the model refuses every call for 2 s with 429, to come back after 1 s",
                nil,
                bar: .seconds(10)
            ) { _, _, _ in tooMany },
            fallback("", "ends with 500 or is cut") { _, reply, chance in
                chance < 0.5 ? .error(500) : reply.with(.cut(afterPieces: reply.pieces.count / 2))
            },
            fallback("_hanging", "gets no answer") { _, _, _ in .hang },
            fallback("_too_many", "is refused with 429, to come back after 1 s") { _, _, _ in tooMany },
            fallback("_malformed", "gets a piece that is not JSON") { _, reply, _ in malformed(reply) },
            Scenario(
                name: "random_failures.model",
                // Among so many failures there are five in a row every few seconds: with 30 s of an open breaker after
                // each the load would wait for most of its time.
                summary: "30 % of all calls of the model fail, in every way there is" + remark(.seconds(2)),
                environment: settings(.seconds(2)).merging(["PARLEY_MODEL_IDLE_TIMEOUT": "3s"]) { $1 },
                faults: { run in
                    run.markFault()
                    run.model.setWeather { _, reply, chance in
                        switch chance {
                        case ..<0.1: .error(500)
                        case ..<0.15: tooMany
                        case ..<0.25: reply.with(.cut(afterPieces: reply.pieces.count / 2))
                        case ..<0.3: reply.with(.noEnd(afterPieces: reply.pieces.count / 2))
                        default: reply
                        }
                    }
                }
            ),
        ]

    /// The bar where the breaker opens: `PARLEY_BREAKER_OPEN`, 30 s, and the turn.
    static let breakerBar = Duration.seconds(35)

    /// What a scenario is called that has its breakers open for another time than they are by default.
    static func suffix(_ breakerOpen: Duration?) -> String {
        breakerOpen.map { "_breaker_\(Int($0.seconds))s" } ?? ""
    }

    /// What is said of such a scenario.
    static func remark(_ breakerOpen: Duration?) -> String {
        breakerOpen.map { "; PARLEY_BREAKER_OPEN=\(Int($0.seconds))s" } ?? ""
    }

    /// The settings of such a scenario.
    static func settings(_ breakerOpen: Duration?) -> [String: String] {
        breakerOpen.map { ["PARLEY_BREAKER_OPEN": "\(Int($0.seconds))s"] } ?? [:]
    }

    private static func outages(breakerOpen: Duration?) -> [Scenario] {
        [
            outage("errors", "every call of the model ends with 500 for 2 s", breakerOpen) { _, _, _ in .error(500) },
            outage("hanging", "every call of the model gets no answer for 2 s", breakerOpen) { _, _, _ in .hang },
            outage("cut", "every stream of the model is cut in its middle for 2 s", breakerOpen) { _, reply, _ in
                reply.with(.cut(afterPieces: reply.pieces.count / 2))
            },
            outage("malformed", "every stream of the model has a piece that is not JSON for 2 s", breakerOpen) {
                _,
                reply,
                _ in malformed(reply)
            },
        ]
    }

    private static let tooMany = ScriptedModelReply.error(429, code: "rate_limited", retryAfter: "1")

    private static func malformed(_ reply: ScriptedModelReply) -> ScriptedModelReply {
        reply.with(.malformedChunk(afterPieces: reply.pieces.count / 2))
    }

    /// The model fails in one way for 5 s, and another one is there to be asked.
    private static func fallback(
        _ moment: String,
        _ whatHappens: String,
        _ weather: @escaping ChaosModel.Weather
    ) -> Scenario {
        Scenario(
            name: "model_outage.with_fallback\(moment)",
            summary: "every call of the model \(whatHappens) for 5 s; another model is asked",
            needs: [.fallbackModel],
            environment: ["PARLEY_MODEL_IDLE_TIMEOUT": "3s"],
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                run.model.setWeather(weather)
                try await Task.sleep(for: .seconds(5))
                run.model.setWeather(nil)
                run.markReturn()
                guard run.parts.fallback?.requestCount ?? 0 > 0 else {
                    throw ChaosError("the other model was never asked")
                }
            }
        )
    }

    private static func outage(
        _ moment: String,
        _ summary: String,
        _ breakerOpen: Duration?,
        bar: Duration? = nil,
        _ weather: @escaping ChaosModel.Weather
    ) -> Scenario {
        Scenario(
            name: "model_outage.\(moment)" + suffix(breakerOpen),
            summary: summary + remark(breakerOpen),
            environment: ["PARLEY_MODEL_IDLE_TIMEOUT": "3s"].merging(settings(breakerOpen)) { $1 },
            bars: .init(recovery: bar ?? (breakerOpen == nil ? breakerBar : .seconds(10))),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                run.model.setWeather(weather)
                try await Task.sleep(for: .seconds(2))
                run.model.setWeather(nil)
                run.markReturn()
            }
        )
    }
}
