import java.net.Authenticator;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;

/** Java's HttpClient: Client METHOD [NAME VALUE] asks for $TARGET and writes `out`; FILE uploads `in`, and PIPE its input. */
class Client {
  public static void main(String[] arguments) throws Exception {
    var client = HttpClient.newBuilder().followRedirects(Redirect.NORMAL);
    var request = HttpRequest.newBuilder(URI.create(System.getenv("TARGET")));
    Path input = Path.of("in"), output = Path.of("out");
    switch (arguments[0]) {
      case "FILE" -> request.PUT(BodyPublishers.ofFile(input));
      case "PIPE" -> request.PUT(BodyPublishers.ofByteArray(System.in.readAllBytes()));
      case "AUTHENTICATOR" -> client.authenticator(new Authenticator() {
        protected PasswordAuthentication getPasswordAuthentication() {
          return new PasswordAuthentication("ci", System.getenv("SECRET").toCharArray());
        }
      });
      default -> request.method(arguments[0], BodyPublishers.noBody());
    }
    var first = request.copy();
    if (arguments.length > 2) {
      first.header(arguments[1], arguments[2]);
    }
    if (arguments.length > 2 && arguments[1].equals("Authorization")) {
      client.followRedirects(Redirect.NEVER); // HttpClient would send the key on to S3
    }
    var answer = client.build().send(first.build(), BodyHandlers.ofFile(output));
    if (answer.statusCode() == 307) {
      var location = URI.create(answer.headers().firstValue("Location").get());
      answer = client.build().send(request.uri(location).build(), BodyHandlers.ofFile(output));
    }
    if (arguments[0].equals("HEAD")) {
      Files.writeString(output, answer.headers().map().toString());
    }
  }
}
