import MTLSClient
import MTLSTestKit
import PKCS11
import Testing

/// What becomes of requests when the process that holds the token ends, and comes back.
@Suite(.enabled(if: Installed.remoting, "p11-kit or its client module is not installed"))
struct RemotingTests {
    @Test func aServerThatComesBackIsFoundAgain() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await SoftHSMStage(keys: ["P-256"])
                let first = try await stage.remote()
                first.enter()
                let run = try await stage.run("", module: #require(Installed.module("p11-kit-client.so")))
                let identity = try await run.identity(#require(KeyCase.named("P-256")))
                #expect(try await run.get(identity).status == .ok)
                try await first.end()
                let second = try await stage.remote()
                #expect(try await run.get(identity).status == .ok)
                try await second.end()
            }
        }
    }

    @Test func aServerThatIsGoneIsAnErrorUntilItIsBack() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await SoftHSMStage(keys: ["P-256"])
                let first = try await stage.remote()
                first.enter()
                let run = try await stage.run("", module: #require(Installed.module("p11-kit-client.so")))
                let identity = try await run.identity(#require(KeyCase.named("P-256")))
                #expect(try await run.get(identity).status == .ok)
                try await first.end()
                for _ in 1...2 {
                    let error = await #expect(throws: MTLSError.self) { try await run.get(identity) }
                    #expect(error?.code == .tokenRemoved, "\(error as Any)")
                    #expect(error?.message.contains(stage.token.label) == true)
                    #expect(error?.advice != nil)
                }
                let second = try await stage.remote()
                #expect(try await run.get(identity).status == .ok)
                #expect(try await run.get(run.identity("P-256")).status == .ok)
                try await second.end()
            }
        }
    }

    @Test func aServerThatStartsLaterIsFound() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await SoftHSMStage(keys: ["P-256"])
                let first = try await stage.remote()
                first.enter()
                try await first.end()
                let module = try #require(Installed.module("p11-kit-client.so"))
                await #expect(throws: PKCS11Error.self) { try await stage.run("", module: module) }
                let second = try await stage.remote()
                let run = try await stage.run("", module: module)
                #expect(try await run.get(run.identity(#require(KeyCase.named("P-256")))).status == .ok)
                try await second.end()
            }
        }
    }
}
