import JSON
import Observability
import Policy
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct EmbeddedOPATests {
    private let sink = MemorySink()

    private func engine(
        _ bundle: PolicyBundle,
        _ change: (inout EmbeddedOPA.Configuration) -> Void = { _ in }
    ) throws -> EmbeddedOPA {
        var configuration = EmbeddedOPA.Configuration(libraryPath: try BuiltProducts.opaLibrary())
        change(&configuration)
        return try EmbeddedOPA(configuration, bundle: bundle, logger: Logger(service: "test", sink: sink))
    }

    private func rules(_ body: String, data: JSONObject = [:]) -> PolicyBundle {
        PolicyBundle(modules: [.init(name: "t.rego", source: "package parley.authz\n" + body)], data: data)
    }

    private func question(_ action: PolicyAction, _ resource: JSONObject = [:]) -> PolicyInput {
        PolicyInput(tenant: "default", personaID: nil, action: action, resource: resource)
    }

    @Test func theShippedPoliciesAllowTheDefaultsAndNothingElse() async throws {
        let engine = try engine(try PolicyBundle(folder: PackageRoot.path + "/deploy/policies"))
        for tool in ["echo", "timestamp", "calculator"] {
            #expect(try await engine.decide(question(.toolExecute, ["tool": .string(tool), "args": [:]])).isAllowed)
        }
        for action in [PolicyAction.messageAccept, .turnRun] {
            #expect(try await engine.decide(question(action)).isAllowed)
        }
        #expect(try await engine.decide(question(.modelCall, ["model": "any"])).isAllowed)
        let denied = try await engine.decide(question(.toolExecute, ["tool": "code_execute"]))
        #expect(!denied.isAllowed && denied.origin == .policy)
        #expect(denied.reason == "the tool is not allowed for this tenant")
        let unknown = try await engine.decide(question("database.drop"))
        #expect(!unknown.isAllowed && unknown.origin == .policy)
    }

    @Test func theSettingsOfATenantCount() async throws {
        let shipped = try PolicyBundle(folder: PackageRoot.path + "/deploy/policies")
        let data: JSONObject = [
            "defaults": shipped.data["defaults"] ?? [:], "tenants": ["default": ["denied_tools": ["echo"]]],
        ]
        let engine = try engine(PolicyBundle(modules: shipped.modules, data: data))
        #expect(try await engine.decide(question(.toolExecute, ["tool": "echo"])).isAllowed == false)
        #expect(try await engine.decide(question(.toolExecute, ["tool": "timestamp"])).isAllowed)
    }

    @Test func whatTheShippedPoliciesTestHolds() async throws {
        let bundle = try PolicyBundle(folder: PackageRoot.path + "/deploy/policies", withTests: true)
        let results = try await RegoTests.run(bundle, engine: try engine(bundle))
        #expect(results.count >= 15)
        #expect(results.filter { !$0.hasPassed }.map(\.name) == [])
    }

    @Test func theRunnerOfRegoTestsSeesFailures() async throws {
        let source = """
            package t_test
            test_true if { 1 == 1 }
            test_false if { 1 == 2 }
            test_number := 7
            test_undefined := x if { x := input.nothing }
            """
        let decision = "default decision := {\"allow\": false}"
        let base = rules(decision).modules
        let bundle = PolicyBundle(modules: base + [.init(name: "t_test.rego", source: source)])
        let results = try await RegoTests.run(bundle, engine: try engine(bundle))
        #expect(
            results.map(\.name) == [
                "t_test.test_true", "t_test.test_false", "t_test.test_number", "t_test.test_undefined",
            ]
        )
        #expect(results.map(\.hasPassed) == [true, false, false, false])
    }

    @Test(arguments: [
        ("decision := {\"allow\": \"yes\"}", PolicyDecision.Origin.malformed),
        ("decision := {\"allow\": true} if input.action == \"probe\"", .undefined),
        (
            "decision := {\"allow\": true} if input.action == \"probe\"\ndecision := {\"allow\": true, \"x\": input.x}",
            .undefined
        ),
    ])
    func whatIsNoDecisionDenies(body: String, origin: PolicyDecision.Origin) async throws {
        if origin == .malformed {
            #expect(throws: PolicyError.self) { try self.engine(self.rules(body)) }
            return
        }
        let decision = try await engine(rules(body)).decide(question(.turnRun))
        #expect(!decision.isAllowed)
        #expect(decision.origin == origin)
    }

    @Test func anErrorInAnEvaluationDeniesAndIsLogged() async throws {
        let body = """
            decision := {"allow": true}
            decision := {"allow": false} if input.action == "turn.run"
            """
        let decision = try await engine(rules(body)).decide(question(.turnRun))
        #expect(!decision.isAllowed)
        #expect(decision.origin == .engineFailed)
        #expect(sink.lines.contains { $0.contains("the policy engine failed") && $0.contains("evaluationFailed") })
    }

    @Test(arguments: [
        ("allow if {", PolicyError.Code.badPolicy),
        ("decision := {\"allow\": nonsense}", .badPolicy),
        ("other := 1", .badDecision),
    ])
    func policiesThatCannotDecideAreNotTakenOn(body: String, code: PolicyError.Code) async throws {
        let error = #expect(throws: PolicyError.self) { try self.engine(self.rules(body)) }
        #expect(error?.code == code)
        let good = try engine(rules("decision := {\"allow\": true}"))
        await #expect(throws: PolicyError.self) { try await good.reload(self.rules(body)) }
        #expect(try await good.decide(question(.turnRun)).isAllowed)
    }

    @Test func reloadingReplacesPoliciesWhileQuestionsAreAnswered() async throws {
        let engine = try engine(rules("decision := {\"allow\": true, \"reason\": \"old\"}"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<100 {
                        let reason = try await engine.decide(self.question(.turnRun)).reason
                        #expect(reason == "old" || reason == "new")
                    }
                }
            }
            try await engine.reload(rules("decision := {\"allow\": true, \"reason\": \"new\"}"))
            #expect(try await engine.decide(question(.turnRun)).reason == "new")
            try await group.waitForAll()
        }
    }

    @Test func aRuleMayDependOnArguments() async throws {
        let shipped = try PolicyBundle(folder: PackageRoot.path + "/deploy/policies")
        let rule = """
            package parley.authz
            deny contains "not that" if {
                action == "tool.execute"
                object.get(resource, ["args", "message"], "") == "forbidden"
            }
            """
        let modules = shipped.modules + [.init(name: "own.rego", source: rule)]
        let engine = try engine(PolicyBundle(modules: modules, data: shipped.data))
        for (message, isAllowed) in [("forbidden", false), ("fine", true)] {
            let question = PolicyInput.toolExecute(
                "echo",
                ["message": .string(message)],
                tenant: "default",
                personaID: nil
            )
            #expect(try await engine.decide(question).isAllowed == isAllowed)
        }
    }

    @Test func aToolThatNeedsAnApprovalIsDeniedWhereNobodyCanGiveOne() async throws {
        let shipped = try PolicyBundle(folder: PackageRoot.path + "/deploy/policies")
        var data = shipped.data
        data.set("tenants", ["default": ["approval_tools": ["echo"]]])
        let engine = try engine(PolicyBundle(modules: shipped.modules, data: data))
        let question = PolicyInput.toolExecute("echo", [:], tenant: "default", personaID: nil)
        #expect(try await engine.decide(question).isAllowed)
        let decision = try await StrictPolicyEngine(engine, fulfilling: []).decide(question)
        #expect(!decision.isAllowed && decision.reason.contains("approval"))
        #expect(try await StrictPolicyEngine(engine, fulfilling: ["approval"]).decide(question).isAllowed)
    }

    @Test func moreQuestionsThanMayWaitAreDenied() async throws {
        let slow = "decision := {\"allow\": count([1 | some i in numbers.range(0, 300000); i > 0]) > 0}"
        let engine = try engine(rules(slow)) {
            $0.waitingMax = 1
            $0.threadCount = 1
        }
        let decisions = try await withThrowingTaskGroup(of: PolicyDecision.self) { group in
            for _ in 0..<2 {
                group.addTask { try await engine.decide(self.question(.turnRun)) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(decisions.filter(\.isAllowed).count == 1)
        #expect(decisions.filter { $0.origin == .engineFailed && $0.reason.contains("overloaded") }.count == 1)
        #expect(try await engine.decide(question(.turnRun)).isAllowed)
    }

    @Test func aLibraryThatIsNotThereIsNamed() throws {
        let error = #expect(throws: PolicyError.self) {
            try self.engine(self.rules("decision := {\"allow\": true}")) { $0.libraryPath = "/nowhere/lib.so" }
        }
        #expect(error?.code == .libraryMissing)
        let wrong = #expect(throws: PolicyError.self) {
            try self.engine(self.rules("decision := {\"allow\": true}")) { $0.libraryPath = "libm.so.6" }
        }
        #expect(wrong?.code == .libraryMissing)
    }
}

/// Runs the `test_…` rules of a bundle, as `opa test` does: a test passes when it is true.
enum RegoTests {
    struct Result {
        let name: String
        let hasPassed: Bool
    }

    static func run(_ bundle: PolicyBundle, engine: EmbeddedOPA) async throws -> [Result] {
        var results: [Result] = []
        for module in bundle.modules {
            guard let package = module.source.firstMatch(of: /(?m)^package ([\w.]+)$/)?.output.1 else { continue }
            var seen: Set<Substring> = []
            for match in module.source.matches(of: /(?m)^(test_\w+)/) where seen.insert(match.output.1).inserted {
                let name = "\(package).\(match.output.1)"
                let value = try await engine.evaluate(name, [:])
                results.append(Result(name: name, hasPassed: value == .bool(true)))
            }
        }
        return results
    }
}
