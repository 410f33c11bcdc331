import Foundation
import TestKit

/// How much memory the services hold while a steady load goes on.
struct ServiceMemory: Sendable {
    /// One look at a process, in KiB.
    struct Sample: Sendable, Equatable {
        /// When, since the start of the load.
        var time: Duration
        /// What is resident (`Rss` of `/proc/PID/smaps_rollup`, which counts every page).
        var resident: Int
        /// What of it is the process's own memory and no file's (`Anonymous`).
        var anonymous: Int
    }

    /// What a service held at the beginning and at the end.
    struct Growth: Sendable {
        /// The service.
        var program: String
        /// The median of the first samples behind the warm-up, in KiB.
        var before: Int
        /// The median of the last samples, in KiB.
        var after: Int

        /// How much more the service holds at the end, in percent of what it held at the beginning.
        var percent: Double { before > 0 ? Double(after - before) * 100 / Double(before) : 0 }

        /// The growth as it is printed.
        var text: String {
            let megabytes = [before, after].map { "\((Double($0) / 1024).tenths)" }.joined(separator: " → ")
            return "\(program) \(megabytes) MB (\(percent >= 0 ? "+" : "")\(percent.tenths) %)"
        }
    }

    /// Which part of a run is compared with which.
    struct Window: Sendable {
        /// How long samples do not count: pools, caches and arenas fill.
        var warmUp: Duration
        /// How long the beginning and the end last, each.
        var length: Duration
    }

    /// The samples by service, oldest first.
    private(set) var samples: [String: [Sample]] = [:]

    /// Adds a sample.
    mutating func add(_ sample: Sample, of program: String) {
        samples[program, default: []].append(sample)
    }

    /// What each service held at the beginning and at the end; a service without samples there is not named.
    func growths(_ window: Window) -> [Growth] {
        samples.keys.sorted().compactMap { program in
            let all = samples[program] ?? []
            guard let last = all.last?.time else { return nil }
            let first = all.filter { $0.time >= window.warmUp && $0.time < window.warmUp + window.length }
            let late = all.filter { $0.time > last - window.length }
            guard let before = Self.median(first), let after = Self.median(late) else { return nil }
            return Growth(program: program, before: before, after: after)
        }
    }

    /// All samples, one a line, for a table.
    var table: String {
        let lines = samples.sorted { $0.key < $1.key }.flatMap { program, samples in
            samples.map { "\(program),\(Int($0.time.seconds)),\($0.resident),\($0.anonymous)" }
        }
        return (["service,seconds,resident_kib,anonymous_kib"] + lines).joined(separator: "\n") + "\n"
    }

    private static func median(_ samples: [Sample]) -> Int? {
        let sorted = samples.map(\.resident).sorted()
        return sorted.isEmpty ? nil : sorted[sorted.count / 2]
    }

    /// Looks at a process.
    /// - Throws: ``ChaosError`` when there is no such process.
    static func look(at pid: Int32, time: Duration) throws -> Sample {
        let path = "/proc/\(pid)/smaps_rollup"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ChaosError("\(path) cannot be read")
        }
        func field(_ name: String) -> Int {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return Sample(time: time, resident: field("Rss"), anonymous: field("Anonymous"))
    }
}
