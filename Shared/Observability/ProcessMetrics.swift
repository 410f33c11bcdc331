import Glibc

/// Numbers about this process, under the names that Prometheus's own clients use.
package enum ProcessMetrics {
    /// Registers CPU time, memory, file descriptors and start time; each is read at the scrape.
    package static func register(in registry: MetricsRegistry) {
        registry.counter("process_cpu_seconds_total", "User and system CPU time spent, in seconds.") { cpuSeconds() }
        registry.gauge("process_resident_memory_bytes", "Resident memory, in bytes.") { memoryPages(field: 1) }
        registry.gauge("process_virtual_memory_bytes", "Virtual memory, in bytes.") { memoryPages(field: 0) }
        registry.gauge("process_open_fds", "Open file descriptors.") { openDescriptors() }
        registry.gauge("process_max_fds", "The limit of open file descriptors.") { descriptorLimit() }
        let start = startTime()
        registry.gauge("process_start_time_seconds", "Start of the process, in seconds since 1970.") { start }
    }

    static func cpuSeconds() -> Double? {
        var usage = rusage()
        guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return nil }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Field 0 is the whole size, field 1 the resident set (proc(5), `statm`).
    static func memoryPages(field: Int) -> Double? {
        guard let text = contents(of: "/proc/self/statm") else { return nil }
        let fields = text.split(separator: " ")
        guard field < fields.count, let pages = Double(fields[field]) else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    static func openDescriptors() -> Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil {
            count += 1
        }
        // Not counted: ".", ".." and the descriptor that reads the directory.
        return Double(max(0, count - 3))
    }

    static func descriptorLimit() -> Double? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return Double(limit.rlim_cur)
    }

    /// Field 22 of proc(5) `stat` counts clock ticks from the machine's boot, which `/proc/stat` gives as `btime`.
    static func startTime() -> Double? {
        guard let stat = contents(of: "/proc/self/stat"), let name = stat.lastIndex(of: ")"),
            let machine = contents(of: "/proc/stat", bytesMax: 1 << 20)
        else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        let boot = machine.split(separator: "\n").first { $0.hasPrefix("btime ") }?.dropFirst(6)
        guard fields.count > 19, let ticks = Double(fields[19]), let boot, let bootSeconds = Double(boot) else {
            return nil
        }
        return bootSeconds + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    private static func contents(of path: String, bytesMax: Int = 4096) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        var used = 0
        while used < bytesMax {
            let count = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress?.advanced(by: used), bytesMax - used)
            }
            if count <= 0 { break }
            used += count
        }
        return String(decoding: bytes[..<used], as: UTF8.self)
    }
}
