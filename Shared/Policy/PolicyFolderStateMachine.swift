/// Decides when a folder of policies is read again.
///
/// It is read when its files are others than those that were read last, and have been the same at two looks in a row:
/// somebody who is in the middle of changing several files is let finish. What could not be used is not tried again
/// before it changes.
///
/// No I/O.
struct PolicyFolderStateMachine: Sendable {
    private var read: PolicyBundle.Stamp
    private var seen: PolicyBundle.Stamp
    private var isUsable = true

    /// Begins with a folder that was read.
    /// - Parameter read: What its files were before that.
    init(read: PolicyBundle.Stamp) {
        self.read = read
        seen = read
    }

    /// Takes what the files are now.
    /// - Returns: Whether they are to be read.
    mutating func isDue(_ stamp: PolicyBundle.Stamp) -> Bool {
        defer { seen = stamp }
        return stamp != read && stamp == seen
    }

    /// Whether these files are what was read and taken on last.
    func isInForce(_ stamp: PolicyBundle.Stamp) -> Bool { isUsable && stamp == read }

    /// The files were read, and are in force, or cannot be used.
    mutating func finish(_ stamp: PolicyBundle.Stamp, isUsable: Bool) {
        read = stamp
        self.isUsable = isUsable
    }
}
