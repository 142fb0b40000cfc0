import OAuth
import Testing

/// Expects that the body is refused with this error code; the error is returned for a closer look.
@discardableResult
func expectRefusal<Result>(
    _ code: OAuthError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Result
) async -> OAuthError? {
    do {
        let result = try await body()
        Issue.record("was not refused: \(result)", sourceLocation: sourceLocation)
        return nil
    } catch let error as OAuthError {
        #expect(error.code == code, "\(error.description)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("failed in another way: \(error)", sourceLocation: sourceLocation)
        return nil
    }
}

/// Expects that a document is refused because of exactly these members.
@discardableResult
func expectInvalid<Result>(
    _ fields: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Result
) async -> InvalidDocument? {
    do {
        let result = try await body()
        Issue.record("was not refused: \(result)", sourceLocation: sourceLocation)
        return nil
    } catch let error as InvalidDocument {
        #expect(Set(error.errors.map(\.field)) == Set(fields), "\(error.errors)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("failed in another way: \(error)", sourceLocation: sourceLocation)
        return nil
    }
}
