import Glibc
import PKCS11
import Synchronization

/// Lets signals end the process as they do by default, but with the terminal as it was (a question for a PIN turns the
/// echo off) and with the tokens' modules finalized: a TPM without a resource manager keeps a place for each process
/// that ends without.
///
/// A handler may do next to nothing, so it wakes the main thread, which has nothing else to do.
enum Signals {
    private struct Terminal {
        var descriptor: Int32
        var settings: termios
    }

    nonisolated(unsafe) private static var saved: Terminal?  // safe: written in prepare, before there are other threads

    /// Call it first, before other threads are made. Signals are answered once there is somebody in ``answer()``.
    static func prepare() {
        // A reader that goes away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        saveTerminal()
        guard bell.writeEnd >= 0 else { return }
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] where !isIgnored(number) {
            signal(number) { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                write(bell.writeEnd, &byte, 1)
                errno = before
            }
        }
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

    private static let interruption = Mutex<(@Sendable () -> Void)?>(nil)

    /// Has the next SIGINT call `action` in place of ending the process; the one after it ends the process. With nil the
    /// next one does.
    static func onInterrupt(_ action: (@Sendable () -> Void)?) { interruption.withLock { $0 = action } }

    private static func takeInterruption() -> Bool {
        let action = interruption.withLock { $0.take() }
        action?()
        return action != nil
    }

    /// Waits for signals and does what they ask for.
    static func answer() -> Never {
        while bell.readEnd >= 0 {
            var byte: UInt8 = 0
            guard read(bell.readEnd, &byte, 1) == 1 else { continue }
            let caught = Int32(byte)
            if caught == SIGINT, takeInterruption() { continue }
            // From here on the same signal, or an alarm, ends the process at once: a module may hang in its finalization.
            signal(caught, SIG_DFL)
            signal(SIGALRM, SIG_DFL)
            alarm(2)
            cleanUp()
            kill(getpid(), caught)
        }
        while true { pause() }
    }
}

/// A pipe from the handler to the thread that acts. Nobody closes it.
private let bell: (readEnd: Int32, writeEnd: Int32) = {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return (-1, -1) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}()
