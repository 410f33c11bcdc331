import Synchronization
import Testing

@testable import ServiceKit

struct KnownTenantsTests {
    /// Tenants, and how often somebody asked.
    private final class Source: Sendable {
        let tenants = Mutex<Set<String>>(["acme", "other"])
        let questions = Atomic(0)

        func exists(_ tenantID: String) -> Bool {
            questions.add(1, ordering: .relaxed)
            return tenants.withLock { $0.contains(tenantID) }
        }

        var count: Int { questions.load(ordering: .relaxed) }
    }

    private static func known(_ source: Source, tenantsMax: Int = 100) -> KnownTenants {
        var limits = KnownTenants.Limits()
        limits.tenantsMax = tenantsMax
        return KnownTenants(limits: limits) { source.exists($0) }
    }

    @Test func whatIsThereIsAskedForOnceInItsTime() async throws {
        let source = Source()
        let known = Self.known(source)
        let start = ContinuousClock.now
        for second in [0, 1, 59] { #expect(try await known.contains("acme", now: start + .seconds(second))) }
        #expect(source.count == 1)
        #expect(try await known.contains("acme", now: start + .seconds(60)))
        #expect(source.count == 2)
    }

    @Test func aTenantThatIsMadeIsKnownAtOnceAndOneThatGoesSoon() async throws {
        let source = Source()
        let known = Self.known(source)
        let start = ContinuousClock.now
        #expect(try await !known.contains("late", now: start))
        source.tenants.withLock { _ = $0.insert("late") }
        #expect(try await known.contains("late", now: start))
        source.tenants.withLock { _ = $0.remove("late") }
        #expect(try await known.contains("late", now: start + .seconds(59)))
        #expect(try await !known.contains("late", now: start + .seconds(60)))
    }

    @Test func thereIsALimit() async throws {
        let source = Source()
        let known = Self.known(source, tenantsMax: 1)
        let now = ContinuousClock.now
        for tenant in ["acme", "acme", "other", "acme"] { #expect(try await known.contains(tenant, now: now)) }
        #expect(source.count == 3)
    }

    @Test func whatIsNoIdIsNobodysAndNotAskedFor() async throws {
        let source = Source()
        #expect(try await !Self.known(source).contains("a,b"))
        #expect(source.count == 0)
    }
}
