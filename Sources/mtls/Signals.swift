import Glibc
import PKCS11

/// Lets signals end the process as they do by default, but with the terminal as it was (a question for a PIN turns the
/// echo off) and with the tokens' modules finalized: a TPM without a resource manager keeps a place for each process
/// that ends without.
///
/// The signals are blocked in all threads and awaited by one, which may do what a handler must not.
enum Signals {
    private struct Terminal {
        var descriptor: Int32
        var settings: termios
    }

    nonisolated(unsafe) private static var saved: Terminal?  // safe: written in prepare, before there are other threads

    /// Call it first, before other threads are made.
    static func prepare() {
        // A reader that goes away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        saveTerminal()
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] where !isIgnored(number) { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let awaited = UnsafeMutablePointer<sigset_t>.allocate(capacity: 1)
        awaited.initialize(to: signals)
        var thread = pthread_t()
        pthread_create(&thread, nil, { Signals.await($0) }, awaited)
        pthread_detach(thread)
    }

    /// Ends what would outlast the process: a question that nobody will read the answer of, and logins.
    static func cleanUp() {
        restoreTerminal()
        PKCS11Module.finalizeAll()
    }

    /// Ends a question that nobody will read the answer of.
    static func restoreTerminal() {
        // In the background the terminal is somebody else's.
        guard var saved, tcgetpgrp(saved.descriptor) == getpgrp() else { return }
        tcsetattr(saved.descriptor, TCSANOW, &saved.settings)
    }

    private static func saveTerminal() {
        let descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { return }
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else {
            close(descriptor)
            return
        }
        saved = Terminal(descriptor: descriptor, settings: settings)
    }

    /// What the parent had ignored (nohup) stays ignored.
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
    }

    private static func await(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let signals = pointer?.assumingMemoryBound(to: sigset_t.self) else { return nil }
        var caught: Int32 = 0
        guard sigwait(signals, &caught) == 0 else { return nil }
        // From here on the same signal, or an alarm, ends the process at once: a module may hang in its finalization.
        signal(caught, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, signals, nil)
        restoreTerminal()
        signal(SIGALRM, SIG_DFL)
        alarm(2)
        PKCS11Module.finalizeAll()
        raise(caught)
        return nil
    }
}
