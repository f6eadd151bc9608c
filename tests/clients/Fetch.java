import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Fetches a URL with both of Java's clients and prints "status length" for each. */
public class Fetch {
  public static void main(String[] arguments) throws Exception {
    URI uri = URI.create(arguments[0]);
    HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
    try (InputStream body = connection.getInputStream()) {
      System.out.println(connection.getResponseCode() + " " + body.readAllBytes().length);
    }
    HttpResponse<byte[]> response = HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
    System.out.println(response.statusCode() + " " + response.body().length);
  }
}
