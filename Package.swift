// swift-tools-version: 6.2
import PackageDescription

/// Flags that every Swift target is built with: the Swift 6 language mode with every upcoming check on,
/// and warnings as errors, so that nothing is left for a reviewer that the compiler could have said.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// A library module in `Shared/`.
func shared(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Shared/\(name)", swiftSettings: strict)
}

/// An executable in `Services/`.
func service(_ name: String, folder: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: "Services/\(folder ?? name)",
        swiftSettings: strict
    )
}

/// A test target in `Tests/<kind>/`.
func tests(_ kind: String, _ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(kind)/\(name)", swiftSettings: strict)
}

/// A C library of the system, imported by exactly one module of ours.
func system(_ name: String, pkgConfig: String? = nil, package: String) -> Target {
    .systemLibrary(
        name: name,
        path: "Shared/CLibraries/\(name)",
        pkgConfig: pkgConfig,
        providers: [.apt([package])]
    )
}

let cLibraries: [Target] = [
    .target(name: "CSystem", path: "Shared/CLibraries/CSystem"),
    // The files of Schemas/, embedded by the C compiler: 80 KB as a Swift array literal take 18 s to compile.
    .target(
        name: "CSchemas",
        path: "Schemas",
        exclude: ["README.md", "api", "events", "examples", "database"]
    ),
    system("CRdkafka", pkgConfig: "rdkafka", package: "librdkafka-dev"),
    system("CPostgres", pkgConfig: "libpq", package: "libpq-dev"),
    system("CHiredis", package: "libhiredis-dev"),
    system("COpenSSL", pkgConfig: "openssl", package: "libssl-dev"),
    system("CCurl", pkgConfig: "libcurl", package: "libcurl4-openssl-dev"),
]

let sharedModules: [Target] = [
    shared("Errors"),
    shared("JSON", ["Errors"]),
    shared("JSONSchema", ["Errors", "JSON"]),
    shared("Configuration", ["Errors"]),
    shared("Caching"),
    shared("Observability", ["Errors", "JSON"]),
    shared("Resilience", ["Errors", "Observability"]),
    shared("Lifecycle", ["Observability", "Resilience"]),
    shared("EventLoop", ["Errors", "CSystem"]),
    shared("OpenSSL", ["Errors", "COpenSSL"]),
    shared("HTTPServer", ["Errors", "EventLoop", "CSystem", "OpenSSL", "Observability"]),
    shared("HTTPClient", ["Errors", "CCurl"]),
    shared("EventBus", ["Errors", "CRdkafka", "CSystem", "Observability", "Lifecycle", "Resilience"]),
    shared("Postgres", ["Errors", "CPostgres", "EventLoop", "Observability", "Resilience"]),
    shared("Redis", ["Errors", "CHiredis", "EventLoop", "Observability", "Resilience"]),
    shared("Domain", ["Errors", "CSchemas", "JSON", "JSONSchema", "Observability"]),
    shared("Store", ["Errors", "Postgres", "Domain", "JSON", "Observability"]),
    shared("Budget", ["Errors", "Caching", "Redis", "Postgres", "Observability"]),
    shared("Policy", ["Errors", "CSystem", "Caching", "JSON", "HTTPClient", "Observability", "Resilience"]),
    shared("Models", ["Errors", "HTTPClient", "JSON", "Observability", "Resilience"]),
    shared("Tools", ["Errors", "HTTPClient", "JSON", "JSONSchema", "Observability", "Resilience"]),
    shared("Memory", ["Errors", "JSON", "OpenSSL"]),
    shared("MemoryStore", ["Caching", "Memory", "Store", "Postgres", "Domain", "EventLoop", "JSON", "Observability"]),
    shared(
        "ServiceKit",
        [
            "CSystem", "Caching", "Configuration", "Domain", "EventBus", "EventLoop", "HTTPClient", "HTTPServer",
            "JSON", "Lifecycle", "Observability", "Policy", "Postgres", "Redis", "Resilience", "Store", "Tools",
        ]
    ),
    shared("TestKit", ["Errors", "HTTPServer", "HTTPClient", "JSON"]),
]

let services: [Target] = [
    service(
        "parley-gateway",
        folder: "Gateway",
        [
            "JSON", "JSONSchema", "Configuration", "Observability", "Lifecycle", "EventLoop", "HTTPServer", "EventBus",
            "OpenSSL", "Postgres", "Redis", "Domain", "ServiceKit", "Store", "Tools", "Memory", "MemoryStore",
            "Caching",
        ]
    ),
    service(
        "parley-worker",
        folder: "ConversationWorker",
        [
            "JSON", "JSONSchema", "Configuration", "Observability", "Lifecycle", "EventLoop", "HTTPServer",
            "HTTPClient",
            "EventBus", "Postgres", "Redis", "Resilience", "Domain", "ServiceKit", "Store", "Budget", "Policy",
            "Models", "Tools", "Memory", "MemoryStore", "Caching", "Errors",
        ]
    ),
    service(
        "parley-executor",
        folder: "ToolExecutor",
        [
            "JSON", "JSONSchema", "Configuration", "Observability", "Lifecycle", "EventLoop", "HTTPServer",
            "HTTPClient", "EventBus", "Postgres", "Domain", "ServiceKit", "Store", "Policy", "Tools", "Memory",
            "MemoryStore",
        ]
    ),
    service(
        "parleyctl",
        folder: "Parleyctl",
        [
            "JSON", "JSONSchema", "Configuration", "Observability", "Lifecycle", "HTTPClient", "EventBus", "OpenSSL",
            "Postgres", "Domain", "ServiceKit", "Store", "Memory", "MemoryStore",
        ]
    ),
]

/// What `make bench` runs: an executable, because it is built for release and no test.
let benchmarks: [Target] = [
    .executableTarget(
        name: "parley-bench",
        dependencies: ["Domain", "EventLoop", "HTTPClient", "JSON", "Memory", "TestKit"],
        path: "Tests/Performance/Benchmark",
        swiftSettings: strict
    )
]

/// What `make chaos` runs: the platform under load, broken on purpose.
let chaos: [Target] = [
    .target(name: "CClockJump", path: "Tests/Chaos/CClockJump"),
    .executableTarget(
        name: "parley-chaos",
        dependencies: [
            "Domain", "EventBus", "HTTPClient", "HTTPServer", "JSON", "Observability", "Policy", "TestKit",
        ],
        path: "Tests/Chaos/Chaos",
        swiftSettings: strict
    ),
]

let testTargets: [Target] = [
    tests("Unit", "JSONTests", ["JSON", "TestKit"]),
    tests("Unit", "JSONSchemaTests", ["JSONSchema", "JSON", "TestKit"]),
    tests("Unit", "CachingTests", ["Caching", "TestKit"]),
    tests("Unit", "ConfigurationTests", ["Configuration"]),
    tests("Unit", "ObservabilityTests", ["Errors", "Observability", "JSON"]),
    tests("Unit", "LifecycleTests", ["Lifecycle", "Observability", "Resilience"]),
    tests("Unit", "ResilienceTests", ["Errors", "Resilience", "Observability"]),
    tests("Unit", "EventLoopTests", ["EventLoop", "CSystem"]),
    tests("Unit", "HTTPServerTests", ["HTTPServer", "EventLoop", "TestKit"]),
    tests("Unit", "HTTPClientTests", ["HTTPClient"]),
    tests("Unit", "EventBusTests", ["EventBus", "Observability", "Resilience", "TestKit"]),
    tests("Unit", "PostgresTests", ["Postgres", "Resilience", "TestKit"]),
    tests("Unit", "RedisTests", ["Redis"]),
    tests("Unit", "DomainTests", ["Domain", "JSON", "JSONSchema"]),
    tests("Unit", "BudgetTests", ["Budget"]),
    tests("Unit", "PolicyTests", ["Policy", "JSON", "Observability", "Resilience", "TestKit"]),
    tests("Unit", "ModelsTests", ["Models", "JSON", "Observability", "Resilience", "TestKit"]),
    tests("Unit", "StoreTests", ["Store"]),
    tests("Unit", "ToolsTests", ["Tools", "JSON", "JSONSchema", "TestKit"]),
    tests("Unit", "MemoryTests", ["Memory", "JSON", "TestKit"]),
    tests("Unit", "MemoryStateTests", ["MemoryStore", "Memory", "JSON"]),
    tests(
        "Unit",
        "GatewayTests",
        ["parley-gateway", "Store", "Domain", "HTTPServer", "JSON", "Postgres", "TestKit", "Configuration"]
    ),
    tests(
        "Unit",
        "WorkerTests",
        ["parley-worker", "Budget", "Domain", "EventBus", "JSON", "Memory", "Models", "Policy", "ServiceKit", "Store"]
    ),
    tests(
        "Unit",
        "ServiceKitTests",
        [
            "ServiceKit", "Configuration", "Errors", "EventBus", "JSON", "Lifecycle", "Observability", "Postgres",
            "Resilience", "Store",
        ]
    ),
    tests(
        "Integration",
        "HTTPServerIntegrationTests",
        ["HTTPServer", "EventLoop", "TestKit", "CSystem", "JSON", "Observability", "ServiceKit"]
    ),
    tests("Integration", "HTTPClientIntegrationTests", ["HTTPClient", "HTTPServer", "TestKit"]),
    tests("Integration", "EventBusIntegrationTests", ["EventBus", "TestKit", "Observability", "Lifecycle"]),
    tests("Integration", "PostgresIntegrationTests", ["Postgres", "TestKit", "Observability", "Resilience"]),
    tests("Integration", "RedisIntegrationTests", ["Redis", "TestKit", "Observability", "Resilience"]),
    tests(
        "Integration",
        "BudgetIntegrationTests",
        ["Budget", "Redis", "Postgres", "TestKit", "Observability"]
    ),
    tests("Integration", "PolicyIntegrationTests", ["Policy", "HTTPClient", "TestKit", "JSON", "Observability"]),
    tests("Integration", "ModelsIntegrationTests", ["Models", "HTTPClient", "TestKit", "JSON", "Resilience"]),
    tests("Integration", "StoreIntegrationTests", ["Store", "Postgres", "Domain", "TestKit", "JSON", "Observability"]),
    tests(
        "Integration",
        "MemoryStoreIntegrationTests",
        ["MemoryStore", "Memory", "Store", "Postgres", "Domain", "Observability", "TestKit", "JSON"]
    ),
    tests("Integration", "TestKitTests", ["TestKit"]),
    tests(
        "Integration",
        "ToolsIntegrationTests",
        ["Tools", "HTTPClient", "HTTPServer", "JSON", "Resilience", "TestKit"]
    ),
    tests(
        "Integration",
        "ParleyctlTests",
        ["parleyctl", "EventBus", "HTTPServer", "JSON", "Memory", "Observability", "TestKit"]
    ),
    tests(
        "EndToEnd",
        "EndToEndTests",
        [
            "parley-gateway", "TestKit", "HTTPClient", "HTTPServer", "EventBus", "Domain", "JSON", "JSONSchema",
            "Observability", "Configuration", "ServiceKit",
        ]
    ),
    tests("Performance", "BenchmarkTests", ["parley-bench"]),
    tests("Chaos", "ChaosTests", ["parley-chaos", "JSON", "TestKit"]),
    tests("Conformance", "ConformanceTests", ["JSONSchema", "JSON", "HTTPServer", "EventLoop", "Memory", "TestKit"]),
    tests("Tidy", "TidyTests", ["TestKit"]),
]

let package = Package(
    name: "parley",
    // A library that fault tests load into a service to move its clock; nothing links it.
    products: [.library(name: "parley-clockjump", type: .dynamic, targets: ["CClockJump"])],
    targets: cLibraries + sharedModules + services + benchmarks + chaos + testTargets,
    cLanguageStandard: .c2x
)
