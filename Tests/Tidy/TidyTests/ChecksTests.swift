import Testing

/// Each check passes what keeps its rule and finds what breaks it.
@Suite struct ChecksTests {
    private typealias Check = (SourceFile) -> [Violation]

    private func lines(_ check: Check, _ text: String, path: String = "Shared/A/File.swift") -> [Int] {
        check(SourceFile(path: path, text: text)).map(\.line)
    }

    private func repeated(_ line: String, _ count: Int) -> String {
        String(repeating: line + "\n", count: count)
    }

    @Test func fileLength() {
        #expect(lines(SizeChecks.fileLength, repeated("a", 500)).isEmpty)
        #expect(lines(SizeChecks.fileLength, repeated("a", 501)) == [0])
        #expect(lines(SizeChecks.fileLength, repeated("a", 501), path: "Shared/A/long.md").isEmpty)
    }

    @Test func lineLength() {
        let fits = String(repeating: "é", count: 120)
        #expect(lines(SizeChecks.lineLength, fits).isEmpty)
        #expect(lines(SizeChecks.lineLength, "a\n" + fits + "x") == [2])
    }

    @Test func functionLength() {
        func function(_ count: Int) -> String {
            "struct A {\n    func f(\n        _ a: () -> Void = {}\n    ) {\n" + repeated("        a()", count - 4)
                + "    }\n}\n"
        }
        #expect(lines(SizeChecks.functionLength, function(70)).isEmpty)
        #expect(lines(SizeChecks.functionLength, function(71)) == [2])
        let hidden =
            "func f() {\n    // {\n    let a = \"{ \\(\"}\") {\"\n    let b = /{/\n}\n" + repeated("let a = 1", 80)
        #expect(lines(SizeChecks.functionLength, hidden).isEmpty)
        let proto =
            "protocol P {\n    func f() async throws -> Int\n    func g()\n}\nstruct B {\n" + repeated("let a = 1", 80)
            + "}"
        #expect(lines(SizeChecks.functionLength, proto).isEmpty)
        #expect(lines(SizeChecks.functionLength, "    package init(a: Int) {\n" + repeated("x", 80) + "}") == [1])
    }

    @Test func recipeLength() {
        let makefile = "a:\n" + repeated("\techo", 5) + "\nb:\n" + repeated("\techo", 5)
        #expect(lines(SizeChecks.recipeLength, makefile, path: "Makefile").isEmpty)
        #expect(lines(SizeChecks.recipeLength, makefile + "\techo\n", path: "Makefile") == [8])
    }

    private let manifest = SourceFile(
        path: "Package.swift",
        text: """
            func shared(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {}
            let cLibraries: [Target] = [
                .target(name: "CSystem", path: "Shared/CLibraries/CSystem"),
                .target(
                    name: "CJump",
                    path: "Tests/CJump"
                ),
                system("CCurl", pkgConfig: "libcurl", package: "libcurl4-openssl-dev"),
                system("CPostgres", package: "libpq-dev"),
            ]
            let modules = [
                shared("JSON"),
                shared("HTTPClient", ["CCurl"]),
                shared("EventLoop", ["CSystem"]),
                shared(
                    "Postgres",
                    [
                        "CPostgres", "CSystem",
                    ]
                ),
                service("parley-gateway", folder: "Gateway", ["JSON", "CSystem"]),
                tests("Unit", "EventLoopTests", ["EventLoop", "CSystem"]),
            ]
            """
    )

    @Test func cImports() {
        let modules = CModules(manifest: manifest, paths: ["Shared/CLibraries/CCurl/shim.h"])
        #expect(modules.violations.isEmpty)
        let text = "import Glibc\npackage import CCurl\n// import CCurl\nimport struct CCurl.x\nimport Curl"
        #expect(lines(modules.imports, text, path: "Shared/HTTPClient/A.swift").isEmpty)
        #expect(lines(modules.imports, text, path: "Shared/HTTPClientToo/A.swift") == [2, 4])
        #expect(lines(modules.imports, "import CPostgres", path: "Shared/Postgres/LibPQ/A.swift").isEmpty)
        #expect(lines(modules.imports, "import CPostgres", path: "Shared/Postgres/A.swift") == [1])
        for folder in ["Shared/EventLoop", "Shared/Postgres", "Services/Gateway", "Tests/Unit/EventLoopTests"] {
            #expect(lines(modules.imports, "import CSystem", path: "\(folder)/A.swift").isEmpty)
        }
        #expect(lines(modules.imports, "import CSystem", path: "Shared/JSON/A.swift") == [1])
        #expect(lines(modules.imports, "import CJump", path: "Shared/EventLoop/A.swift") == [1])
    }

    @Test func cModules() {
        let paths = ["Shared/CLibraries/CNew/module.modulemap"]
        #expect(CModules(manifest: manifest, paths: paths).violations.map(\.path) == ["Shared/CLibraries/CNew"])
        let declared = SourceFile(
            path: "Package.swift",
            text: manifest.text + "\nsystem(\"CNew\", package: \"new-dev\")"
        )
        let unused = CModules(manifest: declared, paths: paths)
        #expect(unused.violations.count == 1)
        #expect(lines(unused.imports, "import CNew") == [1])
        let used = SourceFile(path: "Package.swift", text: declared.text + "\nshared(\"A\", [\"CNew\"])")
        #expect(CModules(manifest: used, paths: paths).violations.isEmpty)
        #expect(lines(CModules(manifest: used, paths: paths).imports, "import CNew").isEmpty)
        let twice = SourceFile(path: "Package.swift", text: used.text + "\nshared(\"B\", [\"CNew\"])")
        #expect(CModules(manifest: twice, paths: paths).violations.count == 1)
    }

    @Test func environment() {
        let text = "let a = getenv(\"A\")\nlet b = ProcessInfo.processInfo.environment\n// getenv\nlet environment = 1"
        #expect(lines(CodeChecks.environment, text) == [1, 2])
        #expect(lines(CodeChecks.environment, text, path: "Shared/A/File+Environment.swift").isEmpty)
        #expect(lines(CodeChecks.environment, text, path: "Shared/Configuration/A.swift").isEmpty)
    }

    @Test func sleeps() {
        let text =
            "func sleep(until: Int) {}\ntry await Task.sleep(for: .seconds(1))\n"
            + "usleep(1)\nsleep(1)\nlet s = \"sleep(1)\""
        #expect(lines(CodeChecks.sleeps, text, path: "Tests/Unit/A/A.swift") == [2, 3, 4])
        #expect(lines(CodeChecks.sleeps, text, path: "Tests/Integration/A/A.swift").isEmpty)
    }

    @Test func crashes() {
        let text = "fatalError(\"x\")\nlet a = try! f()\nlet b = c as! D\nlet e = try? f() as? G\n// fatalError("
        #expect(lines(CodeChecks.crashes, text) == [1, 2, 3])
        #expect(lines(CodeChecks.crashes, text, path: "Tests/Unit/A/A.swift").isEmpty)
    }

    @Test func unstructuredTasks() {
        let text = """
            // unstructured: it outlives the call
            // by design.
            let a = Task { work() }
            let b = Task { work() }
            Task.detached { work() }
            Task(priority: .low) { work() }
            Task<Void, Never> { work() }
            try await Task.sleep(for: .seconds(1))
            group.addTask { work() }
            let c: Task<Void, Never>
            func f() -> Task<Void, Never> {
            var d: Task<Void, Never> { c }
            return Task { work() }
            """
        #expect(lines(CodeChecks.unstructuredTasks, text) == [4, 5, 6, 7, 13])
    }

    @Test func stateMachines() {
        let path = "Shared/A/DoorStateMachine.swift"
        let good = "struct DoorStateMachine {\n    // never await here\n    mutating func open() -> Action { .none }\n}"
        #expect(lines(CodeChecks.stateMachines, good, path: path).isEmpty)
        #expect(lines(CodeChecks.stateMachines, good + "\nimport CCurl\nlet a = await f()", path: path) == [5, 6])
        #expect(lines(CodeChecks.stateMachines, "await f()", path: "Shared/A/Door.swift").isEmpty)
    }

    @Test func stateMachineTests() {
        let machine = SourceFile(path: "Shared/A/DoorStateMachine.swift", text: "")
        let tests = SourceFile(path: "Tests/Unit/A/DoorStateMachineTests.swift", text: "")
        #expect(CodeChecks.stateMachineTests([machine, tests]).isEmpty)
        #expect(CodeChecks.stateMachineTests([machine]).count == 1)
    }

    @Test func moduleNames() {
        let good = "extension Door {}\nstruct Doors {}\nstruct House {\n    struct Door {}\n}\n// class Door {}"
        #expect(lines(CodeChecks.moduleNames, good, path: "Shared/Door/A.swift").isEmpty)
        let bad = "package final class Door {}\nenum Door: Sendable {}\npackage typealias Door = Int"
        #expect(lines(CodeChecks.moduleNames, bad, path: "Shared/Door/Inner/A.swift") == [1, 2, 3])
        #expect(lines(CodeChecks.moduleNames, bad, path: "Shared/House/A.swift").isEmpty)
    }

    @Test func docComments() {
        let good = """
            package import Glibc
            /// A thing.
            @frozen
            package struct A {
                /// A number.
                package private(set) var a = 1
                /// A call.
                @available(
                    *,
                    deprecated
                )
                package static func f() {}
                func internalCall() {}
            }
            let text = "package func f()"
            """
        #expect(lines(CodeChecks.docComments, good).isEmpty)
        let bad =
            "package struct A {\n    // Not a doc comment.\n    package let a = 1\n"
            + "    public init() {}\n    package final class B {}\n}"
        #expect(lines(CodeChecks.docComments, bad) == [1, 3, 4, 5])
        #expect(lines(CodeChecks.docComments, bad, path: "Tests/Unit/A/A.swift").isEmpty)
    }

    @Test func unfinishedWork() {
        #expect(lines(TextChecks.unfinishedWork, "let todo = 1 // all done\nlet TODOS = 2").isEmpty)
        #expect(lines(TextChecks.unfinishedWork, "ok\n// TO" + "DO: later\n# FIX" + "ME", path: "a.sh") == [2, 3])
    }

    @Test func machinePaths() {
        let good = "a https://example.com/home/x and Tests/tmp/x and /tmp itself and \"\\(folder)/work/x\""
        #expect(lines(TextChecks.machinePaths, good, path: "README.md").isEmpty)
        #expect(lines(TextChecks.machinePaths, "x\nsee `/work/main/x`\n(/home/me/)", path: "README.md") == [2, 3])
        #expect(lines(TextChecks.machinePaths, "let a = \"/tmp/x\"") == [1])
    }

    @Test func links() {
        let other = SourceFile(path: "docs/B.md", text: "# The `title`, here\n## Twice\n## Twice\n```\n# not one\n```")
        let text = """
            # Top
            [a](docs/B.md) [b](docs/B.md#the-title-here) [c](https://x.y/z) [d](#top) [e](docs/B.md#twice-1)
            [f](docs/C.md)
            [g](docs/B.md#not-one)
            [h](#bottom)
            `[i](nowhere)`
            """
        let file = SourceFile(path: "README.md", text: text)
        let documents = ["README.md": file, "docs/B.md": other]
        let found = TextChecks.links(file, documents: documents) { documents[$0] != nil }
        #expect(found.map(\.line) == [3, 4, 5])
        #expect(TextChecks.resolve("../x/./y.md", from: "docs/a/B.md") == "docs/x/y.md")
    }

    @Test func settings() {
        let code = SourceFile(
            path: "Services/A/A.swift",
            text:
                "let a = read(\"PARLEY_A\")\n// \"PARLEY_B\"\nlet c = \"PARLEY_C_\" + d\n"
                + "let e = [\"PARLEY_E\", \"PARLEY_F1\"]"
        )
        let readme = SourceFile(path: "README.md", text: "| `PARLEY_A` | all |\nPARLEY_E, PARLEY_X_… `PARLEY_A_FILE`")
        let own = SourceFile(path: "deploy/local/ports.env", text: "# PARLEY_Z is not set\nPARLEY_PORT=1")
        let compose = SourceFile(path: "deploy/compose/c.yaml", text: "PARLEY_A: ${PARLEY_PORT}\nPARLEY_AA: 1")
        let files = [code, readme, own, compose]
        #expect(SettingChecks.withoutRow(files).map(\.line) == [4, 4])
        #expect(SettingChecks.withoutRow([code, own]).count == 3)
        #expect(
            SettingChecks.withoutReader(files).map(\.description) == [
                "deploy/local/ports.env:1: nothing reads PARLEY_Z", "deploy/compose/c.yaml:2: nothing reads PARLEY_AA",
            ]
        )
        #expect(SettingChecks.withoutReader([readme, compose]).count == 6)
    }

    @Test func ports() {
        let code = SourceFile(
            path: "Services/A/A+Environment.swift",
            text: "ServiceSettings(name: \"a\", httpPort: 8010)"
        )
        func check(_ path: String, _ text: String) -> [Int] {
            SettingChecks.ports([code, SourceFile(path: path, text: text)]).map(\.line)
        }
        let image = "ENV PARLEY_HTTP_PORT=8010\nEXPOSE 8010\ncurl http://127.0.0.1:8010/readyz\nEXPOSE 8011\n"
        #expect(check("deploy/compose/Dockerfile", image) == [4])
        #expect(check("deploy/compose/c.yaml", #"ports: ["127.0.0.1:${PARLEY_GATEWAY_PORT:-8010}:8012"]"#) == [1])
        #expect(check("deploy/local/ports.env", "PARLEY_GATEWAY_PORT=8010\nPARLEY_REDIS_PORT=6390") == [])
        #expect(check("deploy/local/ports.env", "PARLEY_WORKER_PORT=8013") == [1])
    }

    @Test func errorDescriptions() {
        let wrong = [
            "package struct AError: Error, Sendable, CustomStringConvertible {",
            "    private enum B: AError, CustomStringConvertible {",
            "extension AError: CustomStringConvertible, Sendable {", "log(String(describing: error))",
        ]
        #expect(lines(CodeChecks.errorDescriptions, wrong.joined(separator: "\n")) == [1, 2, 3, 4])
        let right = """
            package struct AError: DescribedError, Sendable {
            struct Violation: Sendable, CustomStringConvertible {
            enum Quiet: Error {
            // String(describing: error)
            """
        #expect(lines(CodeChecks.errorDescriptions, right).isEmpty)
    }

    @Test func metricNames() {
        let code = SourceFile(
            path: "Shared/A/Metrics.swift",
            text:
                "let a = registry.counter(\"parley_a_total\", \"A.\")\nlet b = registry.histogram(\n"
                + "    \"parley_b_seconds\",\n"
        )
        let role = SourceFile(path: "Shared/A/Role.swift", text: "let role = \"parley_service\"")
        let table = SourceFile(
            path: "docs/METRICS.md",
            text: "| `parley_a_total` | counter |\n| `parley_b_seconds` | |"
        )
        #expect(MetricChecks.withoutRow([code, role, table]).isEmpty)
        #expect(MetricChecks.withoutRow([code, role]).map(\.line) == [1, 3])
        let alerts = SourceFile(
            path: "deploy/alerts.yaml",
            text: "rate(parley_a_total[5m])\nparley_b_seconds_bucket\nparley_owner\nparley_a\nparley_memory_"
        )
        #expect(MetricChecks.withoutCounter([code, table, alerts]).map(\.line) == [4])
    }

    @Test func schemaExamples() {
        let good = ["Schemas/events/a.json", "Schemas/examples/a/valid/1.json", "Schemas/examples/a/invalid/1.json"]
        #expect(TextChecks.schemaExamples(good).isEmpty)
        #expect(TextChecks.schemaExamples(Array(good.dropLast())).count == 1)
        #expect(TextChecks.schemaExamples([good[0], "Schemas/examples/b/valid/1.json"]).count == 2)
    }

    @Test(arguments: [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (#"f("a\"b", 1)"#, #"f("    ", 1)"#),
        (#"f("a\(g("b)"))c", 1)"#, #"f("            ", 1)"#),
        ("#\"a\"b\\(c)\"# d", "#\"       \"# d"),
        ("\"\"\"\na \"b\" {\n\"\"\" c", "\"\"\"\n       \n\"\"\" c"),
        ("x = /a\"{/ + b", "x =       + b"),
        ("a / b / \"c\"", "a / b / \" \""),
    ])
    func masksWhatIsNotCode(text: String, code: String) {
        #expect(SwiftMask.code(of: text) == code)
    }
}
