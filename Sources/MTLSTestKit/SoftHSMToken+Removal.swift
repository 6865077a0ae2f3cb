import Glibc

extension SoftHSMToken {
    /// Removes the files of all tokens of this process, which happens at its exit anyway.
    public static func removeAll() {
        TemporaryTree.remove(SoftHSMStore.directory)
    }

    /// Sees to it that the tokens' files also go when the process is ended by SIGINT, SIGTERM or SIGHUP.
    ///
    /// Call it at the beginning of `main`, before other threads are made: the signals are blocked in all of them, and
    /// awaited by one.
    public static func removeAllOnSignals() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var thread = pthread_t()
        pthread_create(&thread, nil, { _ in SoftHSMToken.awaitSignals() }, nil)
        pthread_detach(thread)
    }

    private static func awaitSignals() -> UnsafeMutableRawPointer? {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
        var caught: Int32 = 0
        sigwait(&signals, &caught)
        removeAll()
        // The process ends by the signal, as its parent expects.
        signal(caught, SIG_DFL)
        sigemptyset(&signals)
        sigaddset(&signals, caught)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        kill(getpid(), caught)
        return nil
    }
}
