import Glibc
package import Observability

/// How many files this process may have open, each connection being one.
package enum OpenFiles {
    /// Files beside connections: those of databases, brokers, caches, loops and logs, with room to spare.
    package static let reserve = 256

    /// Raises the limit that holds (the soft one, 1,024 by custom) to the one that may be set (the hard one).
    ///
    /// Nothing in a service waits with `select`, which the custom is for. Children inherit it.
    /// - Returns: The limit that holds now.
    @discardableResult
    package static func raiseLimit() -> Int {
        guard var wanted = limits else { return 0 }
        wanted.rlim_cur = wanted.rlim_max
        // Where it is refused the old limit holds, which the warning names.
        _ = setrlimit(resource, &wanted)
        return limits.map { Int(clamping: $0.rlim_cur) } ?? 0
    }

    /// Warns when so many connections cannot be had, with what is needed and what there is.
    package static func warn(connectionsMax: Int, logger: Logger) {
        guard let limits, let allowed = shortage(connectionsMax: connectionsMax, limit: UInt64(limits.rlim_cur))
        else { return }
        logger.warning(
            "fewer files may be open than the connections need: raise the hard limit (ulimit -Hn)",
            [.filesNeeded: .integer(connectionsMax + reserve), .filesAllowed: .integer(allowed)]
        )
    }

    /// The limit, if it is too low for so many connections; nil when it is not.
    static func shortage(connectionsMax: Int, limit: UInt64) -> Int? {
        limit < UInt64(connectionsMax + reserve) ? Int(clamping: limit) : nil
    }

    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    private static var limits: rlimit? {
        var limits = rlimit()
        return getrlimit(resource, &limits) == 0 ? limits : nil
    }
}

extension LogKey {
    /// How many files need to be open.
    fileprivate static let filesNeeded = LogKey("files_needed")
    /// How many files may be open.
    fileprivate static let filesAllowed = LogKey("files_allowed")
}
