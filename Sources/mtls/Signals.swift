import Glibc

/// Lets signals end the process as they do by default, but with the terminal as it was: a question for a PIN turns the
/// echo off.
enum Signals {
    private struct Terminal {
        var descriptor: Int32
        var settings: termios
    }

    /// Made before any handler is installed, and never freed: handlers may run at any moment.
    nonisolated(unsafe) private static var saved: UnsafeMutablePointer<Terminal>?  // safe: written once, before

    static func prepare() {
        // A reader that goes away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { return }
        var settings = termios()
        guard saved == nil, tcgetattr(descriptor, &settings) == 0 else {
            close(descriptor)
            return
        }
        saved = .allocate(capacity: 1)
        saved?.initialize(to: Terminal(descriptor: descriptor, settings: settings))
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            var action = sigaction()
            // With SA_RESETHAND the signal that is raised in the handler comes by its default, after the handler.
            action.sa_flags = CInt(bitPattern: UInt32(SA_RESETHAND))
            action.__sigaction_handler.sa_handler = { number in
                Signals.restoreTerminal()
                raise(number)
            }
            var old = sigaction()
            sigaction(number, nil, &old)
            // What the parent had ignored (nohup) stays ignored.
            if unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self) == 1 { continue }
            sigaction(number, &action, nil)
        }
    }

    /// Ends a question that nobody will read the answer of. May be called in a signal handler.
    static func restoreTerminal() {
        // In the background the terminal is somebody else's.
        guard let saved, tcgetpgrp(saved.pointee.descriptor) == getpgrp() else { return }
        tcsetattr(saved.pointee.descriptor, TCSANOW, &saved.pointee.settings)
    }
}
