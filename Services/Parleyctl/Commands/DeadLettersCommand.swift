import Configuration
import Domain
import EventBus
import Glibc
import JSON
import Observability
import Postgres
import ServiceKit
import Store

/// `parleyctl dlq`: the records that could not be processed.
enum DeadLettersCommand: Command {
    static let name = "dlq"
    static let summary = "list, show, send again and remove dead letters"
    static let usage = """
        parleyctl dlq list [--tenant default] [--topic T] [--reason R] [--limit 50]
        parleyctl dlq show [--tenant default] ID
        parleyctl dlq redrive [--tenant default] [--yes] ID… | --topic T [--reason R] [--all]
        parleyctl dlq purge [--tenant default] [--yes] ID… | --topic T [--reason R] [--older-than 7d]
        """
    static let details = """
        list shows the newest first, and nothing of what records say; show prints one as JSON, with all of it.
        redrive sends records again as they came, on the topics that they came from, oldest first: those that are named,
        or with --topic those that were never sent again (--all: those too). An event that was processed meanwhile is
        not processed twice; a record that fails again becomes a dead letter again, with a number of its own.
        purge removes what is named, or with --topic what last came so long ago (--older-than 12h, 7d; default 0s).
        With --topic both ask before they begin; --yes answers, and must be there where nobody can be asked.
        R is one of \(DeadLetterReason.allCases.map(\.rawValue).joined(separator: ", ")).
        What belongs to no tenant that can be told is the default tenant's. Reads PARLEY_DATABASE_URL, and for redrive
        PARLEY_KAFKA_BROKERS.
        """

    /// The most rows that `list` shows.
    static let listMax = DeadLetterStore.pageMax

    /// What the words of a call ask for.
    private struct Call {
        var filter: DeadLetterFilter
        var ids: [Int64]
        var limit: Int?
        var age: Duration?
        var isAll: Bool
        var isConfirmed: Bool
    }

    static func run(_ arguments: inout Arguments) async throws {
        let (verb, call) = try read(&arguments)
        switch verb {
        case "list":
            try await list(call)
        case "show":
            try await show(call)
        case "redrive":
            try await redrive(call)
        default:
            try await purge(call)
        }
    }

    private static func read(_ arguments: inout Arguments) throws -> (verb: String, call: Call) {
        let tenant = try OperatorInput.identifier(
            try arguments.option("--tenant") ?? Identifier.defaultTenant,
            "--tenant"
        )
        let filter = DeadLetterFilter(
            tenantID: tenant,
            topic: try word(try arguments.option("--topic"), "--topic", among: Topic.allCases.map(\.rawValue)),
            reason: try word(
                try arguments.option("--reason"),
                "--reason",
                among: DeadLetterReason.allCases.map(\.rawValue)
            )
        )
        var call = Call(
            filter: filter,
            ids: [],
            limit: try arguments.number("--limit", in: 1...listMax),
            age: try arguments.option("--older-than").map { try age($0) },
            isAll: try arguments.flag("--all"),
            isConfirmed: try arguments.flag("--yes")
        )
        let verb = try arguments.require("list, show, redrive or purge")
        guard ["list", "show", "redrive", "purge"].contains(verb) else {
            throw UsageError(
                reason: "dead letters can be listed, shown, sent again (redrive) or removed (purge), not "
                    + TerminalText.quoted(verb)
            )
        }
        if verb != "list" { call.ids = try arguments.rest().map { try id($0) } }
        try arguments.finish()
        try check(call, verb)
        return (verb, call)
    }

    /// Whether options and operands go together.
    private static func check(_ call: Call, _ verb: String) throws {
        let isBulk = verb == "redrive" || verb == "purge"
        if call.limit != nil, verb != "list" { throw UsageError(reason: "--limit goes with list only") }
        if call.isAll, verb != "redrive" { throw UsageError(reason: "--all goes with redrive only") }
        if call.age != nil, verb != "purge" { throw UsageError(reason: "--older-than goes with purge only") }
        if call.isConfirmed, !isBulk { throw UsageError(reason: "--yes goes with redrive and purge only") }
        if verb == "show" {
            guard call.ids.count == 1 else { throw UsageError(reason: "show needs one ID") }
            if call.filter.topic != nil || call.filter.reason != nil {
                throw UsageError(reason: "--topic and --reason do not go with show")
            }
        }
        guard isBulk else { return }
        if call.ids.isEmpty, call.filter.topic == nil { throw UsageError(reason: "\(verb) needs IDs or --topic") }
        let hasFilter = call.filter.topic != nil || call.filter.reason != nil || call.isAll || call.age != nil
        if !call.ids.isEmpty, hasFilter { throw UsageError(reason: "\(verb) takes IDs or --topic, not both") }
    }

    private static func list(_ call: Call) async throws {
        let limit = call.limit ?? 50
        let letters = try await OperatorDatabase.with { database in
            guard try await TenantStore(database: database).exists(call.filter.tenantID) else {
                throw OperatorError(
                    .unknown,
                    "there is no tenant \(call.filter.tenantID): parleyctl tenants list shows them"
                )
            }
            return try await DeadLetterStore(database: database).page(call.filter, limit: limit + 1)
        }
        let head = ["ID", "ORIGIN", "KEY", "ATTEMPTS", "REDRIVES", "BYTES", "LAST", "REASON"]
        let rows = letters.prefix(limit).map { letter in
            [
                "\(letter.id)", "\(letter.topic)/\(letter.partition)/\(letter.offset)",
                letter.key.map { TerminalText.clipped($0, max: 40) } ?? "-", "\(letter.attempts)",
                "\(letter.redrives)", "\(letter.bytes)", letter.lastAt,
                TerminalText.clipped("\(letter.reason): \(letter.detail)", max: 200),
            ]
        }
        for line in TerminalText.table([head] + rows) { Console.print(line) }
        if letters.count > limit { Console.note("there are more: --limit shows up to \(listMax)") }
    }

    private static func show(_ call: Call) async throws {
        let id = call.ids[0]
        let letter = try await OperatorDatabase.with { database in
            try await DeadLetterStore(database: database).letter(id, tenantID: call.filter.tenantID)
        }
        guard let letter else { throw unknown(id, call) }
        Console.print(letter.json.string)
    }

    private static func redrive(_ call: Call) async throws {
        let bus = try OperatorSettings.bus()
        try confirm("send the dead letters of \(call.filter.topic ?? "") again", call)
        let producer = try BusProducer(configuration: bus.configuration, logger: .disabled)
        do {
            try await OperatorDatabase.with { database in
                let store = DeadLetterStore(database: database)
                let redriver = DeadLetterRedriver(store: store, producer: producer)
                if call.ids.isEmpty {
                    try await redriveAll(call, store, redriver)
                } else {
                    try await each(call, "sent again") { id in
                        try await redriver.redrive(id, tenantID: call.filter.tenantID) != nil
                    }
                }
            }
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
    }

    /// Sends those again that are there now: what fails again meanwhile has a higher number, and is left alone.
    private static func redriveAll(
        _ call: Call,
        _ store: DeadLetterStore,
        _ redriver: DeadLetterRedriver
    ) async throws {
        guard let newest = try await store.page(call.filter, limit: 1).first?.id else {
            Console.print("0 dead letters are sent again")
            return
        }
        var count = 0
        var last: Int64 = 0
        while last < newest {
            let ids = try await store.waiting(call.filter, after: last, includesRedriven: call.isAll)
            for id in ids where id <= newest {
                if try await redriver.redrive(id, tenantID: call.filter.tenantID) != nil { count += 1 }
            }
            guard ids.count == DeadLetterStore.pageMax, let highest = ids.last else { break }
            last = highest
        }
        Console.print("\(count) dead letters are sent again")
    }

    private static func purge(_ call: Call) async throws {
        try confirm("remove the dead letters of \(call.filter.topic ?? "")", call)
        try await OperatorDatabase.with { database in
            let store = DeadLetterStore(database: database)
            if call.ids.isEmpty {
                let count = try await store.purge(call.filter, olderThan: call.age ?? .zero)
                Console.print("\(count) dead letters are removed")
            } else {
                try await each(call, "removed") { id in
                    try await store.remove(id, tenantID: call.filter.tenantID)
                }
            }
        }
    }

    /// Does something to each that was named, and says of each what became of it.
    private static func each(_ call: Call, _ done: String, _ work: (Int64) async throws -> Bool) async throws {
        var isEachThere = true
        for id in call.ids {
            if try await work(id) {
                Console.print("dead letter \(id) is \(done)")
            } else {
                isEachThere = false
                Console.complain(ErrorText.line(for: unknown(id, call)))
            }
        }
        if !isEachThere { throw SilentFailure() }
    }

    /// Asks before many are touched.
    private static func confirm(_ what: String, _ call: Call) throws {
        if call.isConfirmed || !call.ids.isEmpty { return }
        guard Console.isInputTerminal else {
            throw UsageError(reason: "nobody is there to be asked whether to \(what): give --yes")
        }
        Console.note("\(what) (tenant \(call.filter.tenantID))? Type yes:")
        guard readLine() == "yes" else { throw OperatorError(.unknown, "nothing was done") }
    }

    private static func unknown(_ id: Int64, _ call: Call) -> OperatorError {
        let tenant = call.filter.tenantID
        return OperatorError(
            .unknown,
            "tenant \(tenant) has no dead letter \(id): parleyctl dlq list --tenant \(tenant) shows them"
        )
    }

    private static func id(_ text: String) throws -> Int64 {
        guard let id = Int64(text), id > 0 else {
            throw UsageError(reason: "ID is \(TerminalText.quoted(text)); it must be a whole number of at least 1")
        }
        return id
    }

    private static func word(_ text: String?, _ option: String, among known: [String]) throws -> String? {
        guard let text else { return nil }
        guard known.contains(text) else {
            throw UsageError(
                reason: "\(option) is \(TerminalText.quoted(text)); it must be one of \(known.joined(separator: ", "))"
            )
        }
        return text
    }

    private static func age(_ text: String) throws -> Duration {
        guard let age = DurationText.parse(text), age <= .seconds(36_500 * 86_400) else {
            throw UsageError(reason: "--older-than is \(TerminalText.quoted(text)); it must be such as 30m, 12h or 7d")
        }
        return age
    }
}
