import Glibc

extension SoftHSMToken {
    /// Removes the files of all tokens of this process, which happens at its exit anyway.
    public static func removeAll() {
        TemporaryTree.remove(SoftHSMStore.directory)
    }

    /// Sees to it that the tokens' files also go when the process is ended by SIGINT, SIGTERM or SIGHUP, unless its parent
    /// had it ignore them. Call it at the beginning of `main`.
    public static func removeAllOnSignals() {
        // A handler may do next to nothing, so it wakes a thread. To block the signals and await them would not do: the
        // main thread of an asynchronous `main` sleeps in sigsuspend(2) with none blocked.
        guard alarmBell.writeEnd >= 0 else { return }
        var thread = pthread_t()
        guard pthread_create(&thread, nil, { _ in SoftHSMToken.awaitSignal() }, nil) == 0 else { return }
        pthread_detach(thread)
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
            signal(number) { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                write(alarmBell.writeEnd, &byte, 1)
                errno = before
            }
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
    }

    private static func awaitSignal() -> UnsafeMutableRawPointer? {
        var byte: UInt8 = 0
        while read(alarmBell.readEnd, &byte, 1) != 1 { guard errno == EINTR else { return nil } }
        // Other threads may be making tokens meanwhile.
        for _ in 0..<100 where access(SoftHSMStore.directory, F_OK) == 0 { removeAll() }
        // The process ends by the signal, as its parent expects.
        signal(Int32(byte), SIG_DFL)
        kill(getpid(), Int32(byte))
        return nil
    }
}

/// A pipe from the signal handler to the thread that acts.
private let alarmBell: (readEnd: Int32, writeEnd: Int32) = {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return (-1, -1) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}()
