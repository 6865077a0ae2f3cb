@preconcurrency import Glibc  // for environ
import MTLSIdentity

/// Processes behind a module, run by a script that says `NAME=VALUE` for the module's environment and then `ready`.
///
/// They are a process group of their own. The script ends it when its standard input does, so that it does not outlive
/// this process, however that ends.
final class Backstage: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What the module wants in its environment.
    let environment: [String: String]
    private let process: pid_t
    private let input: CInt

    /// Runs `script`, which is beside this file, and waits until it is ready.
    ///
    /// - Parameter environment: Added to this process's.
    init(_ script: String, _ arguments: [String] = [], environment: [String: String] = [:]) async throws {
        let path = String("\(#filePath)".dropLast("Backstage.swift".count)) + "Scripts/\(script)"
        let (process, input, output) = try Self.spawn([path] + arguments, environment)
        (self.process, self.input) = (process, input)
        self.environment = try await BlockingWork.run { try Self.read(output, of: script) }
    }

    /// Ends all of the processes and waits until the script has gone.
    func end() async throws {
        close(input)
        try await BlockingWork.run { [process] in
            var status: CInt = 0
            waitpid(process, &status, 0)
        }
    }

    /// Gives this process what the module wants. Before it is loaded, while nobody else looks.
    func enter() {
        for (name, value) in environment { setenv(name, value, 1) }
    }

    private static func spawn(
        _ command: [String], _ environment: [String: String]
    ) throws -> (process: pid_t, input: CInt, output: CInt) {
        var (input, output): ([CInt], [CInt]) = ([0, 0], [0, 0])
        guard pipe(&input) == 0, pipe(&output) == 0 else {
            throw Failure(description: "no pipe: \(String(cString: strerror(errno)))")
        }
        // Nor do they get the pipes of the test run: whoever reads those would wait for them.
        for file in 3..<256 as Range<CInt> { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_adddup2(&files, input[0], 0)
        posix_spawn_file_actions_adddup2(&files, output[1], 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let arguments = command.map { strdup($0) } + [nil]
        let variables = merged(environment).map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, command[0], &files, &attributes, arguments, variables)
        close(input[0])
        close(output[1])
        guard result == 0 else {
            throw Failure(description: "\(command[0]) cannot be run: \(String(cString: strerror(result)))")
        }
        return (process, input[1], output[0])
    }

    private static func merged(_ added: [String: String]) -> [String] {
        var all = added.map { "\($0)=\($1)" }
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if added[String(text.prefix { $0 != "=" })] == nil { all.append(text) }
            next += 1
        }
        return all
    }

    private static func read(_ output: CInt, of script: String) throws -> [String: String] {
        guard let stream = fdopen(output, "r") else { throw Failure(description: "no stream") }
        defer { fclose(stream) }
        var environment: [String: String] = [:]
        var said = ""
        var line: UnsafeMutablePointer<CChar>?
        var size = 0
        defer { free(line) }
        while getline(&line, &size, stream) > 0, let line {
            let text = String(String(cString: line).dropLast())
            if text == "ready" { return environment }
            said += text + "\n"
            guard let sign = text.firstIndex(of: "=") else { continue }
            environment[String(text[..<sign])] = String(text[text.index(after: sign)...])
        }
        throw Failure(description: "\(script) is not ready: \(said)")
    }
}
