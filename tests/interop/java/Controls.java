// JNDI's LDAP provider: sorting, pages, referrals. Arguments: URL, name, password, base, name of a referral object.
// One line "key: values" to standard output for each.

import java.util.ArrayList;
import java.util.Hashtable;
import java.util.List;
import javax.naming.Context;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.ReferralException;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.Control;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.PagedResultsControl;
import javax.naming.ldap.PagedResultsResponseControl;
import javax.naming.ldap.SortControl;
import javax.naming.ldap.SortKey;
import javax.naming.ldap.SortResponseControl;

public class Controls {
    static LdapContext connect(String[] arguments, String referrals) throws Exception {
        Hashtable<String, Object> settings = new Hashtable<>();
        settings.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
        settings.put(Context.PROVIDER_URL, arguments[0]);
        settings.put(Context.SECURITY_AUTHENTICATION, "simple");
        settings.put(Context.SECURITY_PRINCIPAL, arguments[1]);
        settings.put(Context.SECURITY_CREDENTIALS, arguments[2]);
        settings.put(Context.REFERRAL, referrals);
        return new InitialLdapContext(settings, null);
    }

    static List<String> search(LdapContext context, String base, String filter) throws Exception {
        SearchControls where = new SearchControls();
        where.setSearchScope(SearchControls.ONELEVEL_SCOPE);
        NamingEnumeration<SearchResult> answers = context.search(base, filter, where);
        List<String> found = new ArrayList<>();
        while (answers.hasMore()) {
            found.add((String) answers.next().getAttributes().get("uid").get());
        }
        return found;
    }

    static byte[] cookie(LdapContext context) throws Exception {
        for (Control control : context.getResponseControls()) {
            if (control instanceof PagedResultsResponseControl) {
                return ((PagedResultsResponseControl) control).getCookie();
            }
        }
        throw new Exception("no paged results control in the answer");
    }

    static void sorted(LdapContext context, String base) throws Exception {
        SortKey[] keys = {new SortKey("sn", true, "2.5.13.3"), new SortKey("uidNumber", false, null)};
        context.setRequestControls(new Control[] {new SortControl(keys, Control.CRITICAL)});
        System.out.println("sorted: " + String.join(" ", search(context, base, "(uidNumber=*)")));
        for (Control control : context.getResponseControls()) {
            if (control instanceof SortResponseControl) {
                System.out.println("sort result: " + ((SortResponseControl) control).getResultCode());
            }
        }
        context.setRequestControls(new Control[] {new SortControl("noSuchAttribute", Control.NONCRITICAL)});
        try {
            search(context, base, "(uidNumber=*)");
        } catch (NamingException error) { // slapd's answer, critical or not
            System.out.println("refused: " + error.getMessage());
            return;
        }
        SortResponseControl refused = (SortResponseControl) context.getResponseControls()[0];
        System.out.println("refused: " + refused.getResultCode() + " " + refused.getAttributeID());
    }

    static void paged(LdapContext context, String base) throws Exception {
        byte[] cookie = null;
        do {
            Control[] controls = {
                new PagedResultsControl(2, cookie, Control.CRITICAL),
                new SortControl("uidNumber", Control.CRITICAL),
            };
            context.setRequestControls(controls);
            System.out.println("page: " + String.join(" ", search(context, base, "(uidNumber=*)")));
            cookie = cookie(context);
        } while (cookie != null && cookie.length > 0);
    }

    static void referrals(String[] arguments) throws Exception {
        LdapContext context = connect(arguments, "throw");
        try {
            context.getAttributes(arguments[4]);
            System.out.println("referral: none");
        } catch (ReferralException referral) {
            System.out.println("referral: " + referral.getReferralInfo());
        }
        context.close();
        context = connect(arguments, "ignore"); // sends Manage DSA IT
        String[] wanted = {"ref"};
        System.out.println("managed: " + context.getAttributes(arguments[4], wanted).get("ref").get());
        context.close();
        context = connect(arguments, "follow");
        System.out.println("followed: " + context.getAttributes(arguments[4]).get("uid").get());
        context.close();
    }

    public static void main(String[] arguments) throws Exception {
        LdapContext context = connect(arguments, "ignore");
        sorted(context, arguments[3]);
        paged(context, arguments[3]);
        context.close();
        referrals(arguments);
    }
}
