import Configuration
import Models
import Resilience
import ServiceKit

extension WorkerConfiguration {
    /// Reads every setting of a worker.
    init(environment: inout EnvironmentReader) {
        service = ServiceSettings(name: "parley-worker", httpPort: 8021, environment: &environment)
        group = environment.string("PARLEY_WORKER_GROUP", default: "parley-worker", help: "group that workers share")
        turnsMax = environment.int(
            "PARLEY_WORKER_TURNS_MAX",
            default: 256,
            in: 1...10_000,
            help: "turns that run at once; a full worker pauses its partitions"
        )
        drainTimeout = environment.duration(
            "PARLEY_WORKER_DRAIN",
            default: .seconds(15),
            in: .zero ... .seconds(20),
            help: "how long running turns may go on when the worker stops; then another worker takes them over"
        )
        contextTokensMax = environment.int(
            "PARLEY_CONTEXT_TOKENS_MAX",
            default: 8000,
            in: 100...10_000_000,
            help: "tokens of history that a model gets, by estimate"
        )
        toolRoundsMax = environment.int(
            "PARLEY_TOOL_ROUNDS_MAX",
            default: 8,
            in: 0...100,
            help: "times that tools may be called in a turn"
        )
        toolGrace = environment.duration(
            "PARLEY_TOOL_GRACE",
            default: .seconds(10),
            in: .zero ... .seconds(3600),
            help: "how long a lost tool's answer is waited for, over twice its timeout and PARLEY_REPUBLISH_AFTER"
        )
        attemptsMax = environment.int(
            "PARLEY_TURN_ATTEMPTS_MAX",
            default: 10,
            in: 1...1000,
            help: "times that a turn is begun, after its worker was lost, before it fails"
        )
        tools = ToolSettings(environment: &environment, runsTools: false)
        turnDeadline = environment.duration(
            "PARLEY_TURN_DEADLINE",
            default: .seconds(300),
            in: .seconds(1) ... .seconds(3600),
            help: "the longest time for a turn's work in one go, all tries of the model included"
        )
        policy = PolicySettings(environment: &environment)
        memory = Self.memory(&environment)
        model = Self.model(&environment)
        fallbackModel = Self.fallback(like: model, &environment)
        // Who has somebody else to ask does not wait long for the first.
        if fallbackModel != nil {
            model.retries.retriesMax = min(model.retries.retriesMax, Self.retriesWithFallbackMax)
        }
    }

    private static let retriesWithFallbackMax = 3
    /// The longest wait between two tries of the model.
    private static let modelPauseMax = Duration.seconds(5)

    private static func memory(_ environment: inout EnvironmentReader) -> ConversationMemory.Configuration {
        var memory = ConversationMemory.Configuration()
        memory.learnAt = environment.int(
            "PARLEY_MEMORY_LEARN_AT",
            default: memory.learnAt,
            in: 1...1000,
            help: "messages after which a conversation with `memory: auto` becomes a pattern"
        )
        memory.predictionsMax = environment.int(
            "PARLEY_MEMORY_PREDICTIONS",
            default: memory.predictionsMax,
            in: 0...20,
            help: "predictions of the memory that a model gets"
        )
        memory.tokensMax = environment.int(
            "PARLEY_MEMORY_TOKENS_MAX",
            default: memory.tokensMax,
            in: 1...1000,
            help: "words of a message that are observed; the first ones count"
        )
        memory.timeout = environment.duration(
            "PARLEY_MEMORY_TIMEOUT",
            default: memory.timeout,
            in: .milliseconds(1) ... .seconds(10),
            help: "how long a turn waits for its memory before it goes on without"
        )
        return memory
    }

    /// The second profile, with the first one's times.
    private static func fallback(
        like model: ModelProfile,
        _ environment: inout EnvironmentReader
    ) -> ModelProfile? {
        let url = environment.optionalURL(
            "PARLEY_MODEL_FALLBACK_BASE_URL",
            help: "OpenAI-compatible endpoint that is asked when the first does not answer"
        )
        let name = environment.optionalString(
            "PARLEY_MODEL_FALLBACK_NAME",
            help: "the fallback endpoint's name of the model"
        )
        let key = environment.optionalSecret("PARLEY_MODEL_FALLBACK_API_KEY", help: "key for the fallback endpoint")
        guard let url else { return nil }
        guard let name else {
            environment.fail(
                "PARLEY_MODEL_FALLBACK_NAME",
                .missing,
                "is required with PARLEY_MODEL_FALLBACK_BASE_URL: it names the model"
            )
            return nil
        }
        var profile = ModelProfile(
            name: "fallback",
            provider: .openai,
            baseURL: url.description,
            model: name,
            apiKey: key.map { ModelAPIKey($0.revealed) }
        )
        profile.timeout = model.timeout
        profile.idleTimeout = model.idleTimeout
        profile.retries = model.retries
        return profile
    }

    private static func model(_ environment: inout EnvironmentReader) -> ModelProfile {
        let url = environment.optionalURL(
            "PARLEY_MODEL_BASE_URL",
            help:
                "OpenAI-compatible endpoint, such as https://api.openai.com/v1; without it the built-in planner answers"
        )
        let name = environment.optionalString("PARLEY_MODEL_NAME", help: "the endpoint's name of the model")
        let key = environment.optionalSecret("PARLEY_MODEL_API_KEY", help: "key for the endpoint")
        let timeout = environment.duration(
            "PARLEY_MODEL_TIMEOUT",
            default: .seconds(120),
            help: "the longest time for one try of a model call"
        )
        let idleTimeout = environment.duration(
            "PARLEY_MODEL_IDLE_TIMEOUT",
            default: .seconds(60),
            help: "the longest silence within a try of a model call"
        )
        let retriesMax = environment.int(
            "PARLEY_MODEL_RETRIES_MAX",
            default: 9,
            in: 0...100,
            help: "how often a failed call is repeated; 3 times at most where a fallback can be asked"
        )
        let provider = environment.choice(
            "PARLEY_MODEL_PROVIDER",
            default: url == nil ? ModelProfile.Provider.local : .openai,
            help: "local: the built-in planner; openai: the endpoint"
        )
        guard provider == .openai else { return .builtIn }
        guard let url, let name else {
            environment.fail(
                "PARLEY_MODEL_NAME",
                .missing,
                "is required with PARLEY_MODEL_BASE_URL: it names the model"
            )
            return .builtIn
        }
        var profile = ModelProfile(
            name: "default",
            provider: .openai,
            baseURL: url.description,
            model: name,
            apiKey: key.map { ModelAPIKey($0.revealed) }
        )
        profile.timeout = timeout
        profile.idleTimeout = idleTimeout
        profile.retries = RetryPolicy(retriesMax: retriesMax, delayMax: modelPauseMax)
        return profile
    }
}
