import java.net.Authenticator;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;

/** Java's HttpClient: Client METHOD [NAME VALUE] asks for $TARGET and writes `out`; FILE and PIPE upload `in`. */
class Client {
  public static void main(String[] arguments) throws Exception {
    var client = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL);
    var request = HttpRequest.newBuilder(URI.create(System.getenv("TARGET")));
    Path input = Path.of("in"), output = Path.of("out");
    switch (arguments[0]) {
      case "FILE" -> request.PUT(BodyPublishers.ofFile(input));
      case "PIPE" -> request.PUT(BodyPublishers.ofInputStream(() -> {
        try {
          return Files.newInputStream(input);
        } catch (java.io.IOException error) {
          throw new java.io.UncheckedIOException(error);
        }
      }));
      case "AUTHENTICATOR" -> client.authenticator(new Authenticator() {
        protected PasswordAuthentication getPasswordAuthentication() {
          return new PasswordAuthentication("ci", System.getenv("SECRET").toCharArray());
        }
      });
      default -> request.method(arguments[0], BodyPublishers.noBody());
    }
    if (arguments.length > 2) {
      request.header(arguments[1], arguments[2]);
    }
    var answer = client.build().send(request.build(), BodyHandlers.ofFile(output));
    if (arguments[0].equals("HEAD")) {
      Files.writeString(output, answer.headers().map().toString());
    }
  }
}
